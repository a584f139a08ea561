"""When burst mode, which is to end by itself, gives up on Redis."""

from __future__ import annotations

import logging

from jobctl.engine.liveness.heartbeats import Heartbeats
from jobctl.engine.process.config import ChildConfig
from jobctl.errors import RedisUnavailable

log = logging.getLogger(__name__)


class Burst:
    """`exit_code` is 0 until the worker gives up."""

    def __init__(self, beats: Heartbeats, child: ChildConfig) -> None:
        self._beats = beats
        self._on = child.burst
        self._patience_s = child.patience_s
        self.exit_code = 0

    @property
    def lost_patience(self) -> bool:
        """Whether Redis has been away, or refused what it was asked, for too long; only in burst mode."""
        return self._on and self._beats.outage_s >= self._patience_s

    def gives_up(self) -> bool:
        """Whether to give up now: once, with a line in the log."""
        if self.exit_code or not self.lost_patience:
            return False
        self.exit_code = RedisUnavailable.exit_code
        log.error("giving up after %.0f s without Redis: jobs may be left in the queues", self._patience_s)
        return True
