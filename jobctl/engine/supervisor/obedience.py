"""What operators want of a running worker: `jobctl worker quiet`, `resume`, `resize` and `stop`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from jobctl.engine.process.config import ChildConfig
from jobctl.engine.supervisor.child import Child
from jobctl.engine.supervisor.reload import Reload
from jobctl.store.nouns.processes import Orders

log = logging.getLogger(__name__)


class Obedience:
    """Does what is wanted, as each heartbeat brings it: orders say what is to be, so hearing one twice does no harm."""

    def __init__(self, reload: Reload, drain: Callable[[], None]) -> None:
        self.quiet = False
        """Whether the worker takes no more jobs."""
        self._reload = reload
        self._drain = drain
        self._told = Orders()

    def obey(self, orders: Orders, children: Iterable[Child], running: ChildConfig) -> None:
        """Do what is wanted of `children`, which were made from `running`."""
        for child in children:
            child.slots.set_quiet(orders.quiet)
        if orders.quiet != self.quiet:
            self.quiet = orders.quiet
            log.info("taking no more jobs: told to be quiet" if self.quiet else "taking jobs again")
        told, self._told = self._told, orders
        if orders.stop and not told.stop:
            log.info("told to stop")
            self._drain()
        elif orders.threads and orders.threads != told.threads:
            self._resize(orders.threads, running)

    def _resize(self, threads: int, running: ChildConfig) -> None:
        if running.burst:
            log.warning("a burst is not resized")
        elif self._reload.busy:
            self._told = Orders(quiet=self.quiet)  # it is heard again with the next beat
        elif threads != running.threads:
            log.info("told to have %d threads a process: starting new processes", threads)
            self._reload.resize(threads, running)
