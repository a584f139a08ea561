"""Workers as they run in production: a supervisor process with its children, told what to do by signals alone."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

READY_S = 60.0
READY_TEXT = " is ready"


class Worker:
    """One `jobctl worker`; it runs in the catalog's folder."""

    def __init__(self, folder: Path, log: Path, options: Sequence[str], env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jobctl", "worker", "--log-format", "json", *options],
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while READY_TEXT not in self.log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the worker does not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def children(self) -> list[psutil.Process]:
        """The worker processes that live now, without what jobs started themselves."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child for child in psutil.Process(self.pid).children() if _is_worker(child)]
        return []

    def term(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None when it is still there."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout_s: float = 40.0) -> int | None:
        self.term()
        return self.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL of the supervisor; its children die with it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()


def _is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "jobctl.engine.process.entry" in process.cmdline()
    return False
