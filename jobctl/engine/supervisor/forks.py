"""Processes for functions of the application's middleware, such as the server of Dramatiq's Prometheus."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobctl import clock
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.supervisor.crew import Backoff

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "jobctl.engine.process.fork")
END_S = 1.0
"""How long one that was told to end may take before it is killed."""


@dataclass
class Fork:
    """One function and its process. `due` is when to start it, `end_by` when to kill it, on the monotonic clock."""

    target: str
    child: ChildConfig
    process: subprocess.Popen[bytes] | None = None
    lifeline: int = -1
    started: float = 0.0
    due: float = 0.0
    end_by: float = 0.0
    over: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    def start(self) -> None:
        """Raises OSError when the system refuses."""
        read_end, self.lifeline = os.pipe()
        argv = [*COMMAND, self.target, self.child.catalog_path, self.child.log_format, self.child.log_level]
        try:
            self.process = subprocess.Popen(
                [*argv, str(read_end), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=(read_end,),
                process_group=0,
            )
        except OSError:
            os.close(self.lifeline)
            raise
        finally:
            os.close(read_end)
        self.started = clock.monotonic()

    def ended(self) -> int | None:
        """The exit code of a process that has ended since the last look."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        os.close(self.lifeline)
        return code

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def wait(self, timeout_s: float) -> None:
        """Until it has ended, which it is made to after the time-out."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended()


class Forks:
    """One that fails is started again; one that returns is not, and none is before those of the last catalog ended."""

    def __init__(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._later = later
        self._forks: list[Fork] = []
        self._old: list[Fork] = []

    def use(self, targets: Sequence[str], child: ChildConfig) -> None:
        """Run these functions instead of those that run."""
        for fork in self._forks:
            fork.end_by = clock.monotonic() + END_S
            fork.end()
        self._old += [fork for fork in self._forks if fork.process is not None]
        self._forks = [Fork(target, child) for target in targets]
        self.look()

    def look(self) -> None:
        """Notice what has ended; start what is due."""
        now = clock.monotonic()
        for fork in self._old:
            fork.ended()
            if now >= fork.end_by:
                fork.end(signal.SIGKILL)
        self._old = [fork for fork in self._old if fork.process is not None]
        for fork in self._forks:
            if (code := fork.ended()) is not None:
                self._bury(fork, code)
            if fork.process is None and not fork.over and now >= fork.due and not self._old:
                self._start(fork)

    def close(self) -> None:
        """End them all; kills what does not end."""
        everyone = (*self._forks, *self._old)
        for fork in everyone:
            fork.end()
        until = clock.monotonic() + END_S
        for fork in everyone:
            fork.wait(max(0.0, until - clock.monotonic()))
        self._forks, self._old = [], []

    def _start(self, fork: Fork) -> None:
        try:
            fork.start()
        except OSError as error:
            log.error("cannot start %s: %s", fork.target, error)
            self._wait(fork, 0.0)
            return
        assert fork.process is not None
        log.info("started %s (pid %d)", fork.target, fork.process.pid)

    def _bury(self, fork: Fork, code: int) -> None:
        if code == 0:
            fork.over = True
            log.info("%s has ended", fork.target)
            return
        log.warning("%s failed with exit code %d, restarting it", fork.target, code)
        self._wait(fork, clock.monotonic() - fork.started)

    def _wait(self, fork: Fork, lived_s: float) -> None:
        delay = fork.backoff.next(lived_s)
        fork.due = clock.monotonic() + delay
        self._later(delay + 0.001, self.look)
