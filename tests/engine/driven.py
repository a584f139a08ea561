"""Driving a process of ours from a test: its JSON lines are events to wait for."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from tests.support import PATIENCE_S

ROOT = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Driven:
    """A started module whose stdout (events) and stderr (JSON logs) are collected in their order."""

    def __init__(self, module: str, config: dict[str, Any]) -> None:
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(config)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # one pipe, or events and logs would overtake each other
        )
        threading.Thread(target=self._collect, args=(self.process.stdout,), daemon=True).start()

    def _collect(self, stream: IO[bytes]) -> None:
        for line in stream:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                self._lines.put({"event": "noise", "text": line.decode(errors="replace")})

    def wait_for(self, event: str, timeout: float = PATIENCE_S, contains: str = "", **fields: Any) -> dict[str, Any]:
        """The next event of that name whose fields are these and whose message contains `contains`."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                found = self._lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                shown = "\n".join(map(str, self.seen))
                raise AssertionError(f"no {event} {fields} {contains!r} in {timeout} s; seen:\n{shown}") from None
            self.seen.append(found)
            matches = all(found.get(name) == value for name, value in fields.items())
            if found["event"] == event and matches and contains in found.get("message", ""):
                return found

    def log(self, contains: str, timeout: float = PATIENCE_S) -> dict[str, Any]:
        return self.wait_for("log", timeout, contains)

    def beat_of(self, children: int) -> list[int]:
        """The children's pids in the next beat that has so many."""
        while True:
            pids: list[int] = self.wait_for("beat")["pids"]
            if len(pids) == children:
                return pids

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_code(self, timeout: float = PATIENCE_S) -> int:
        return self.process.wait(timeout)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
