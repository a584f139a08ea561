"""The ledger: one file outside Redis to which every attempt appends what it does, a line a write."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BEGAN, DONE, FAILED = "began", "done", "failed"


@dataclass(frozen=True)
class Line:
    """What an attempt said of itself. `at` is seconds on the machine's monotonic clock, one for all processes."""

    phase: str
    job: str
    attempt: int
    pid: int
    at: float


def append(path: str, phase: str, job: str, attempt: int) -> None:
    """One write to a file opened for appending: lines of many processes never mix."""
    line = f"{phase} {job} {attempt} {os.getpid()} {time.monotonic():.6f}\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


class Ledger:
    """Reads what the attempts wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self, phase: str | None = None) -> list[Line]:
        out = []
        for text in self.path.read_text().splitlines():
            kind, job, attempt, pid, at = text.split(" ")
            if phase is None or kind == phase:
                out.append(Line(kind, job, int(attempt), int(pid), float(at)))
        return out

    def done(self) -> set[str]:
        return {line.job for line in self.lines(DONE)}

    def count(self, phase: str = DONE) -> int:
        return sum(text.startswith(phase) for text in self.path.read_text().splitlines())

    def running(self) -> set[str]:
        """Jobs whose latest line says that they began."""
        latest = {line.job: line.phase for line in self.lines()}
        return {job for job, phase in latest.items() if phase == BEGAN}

    def repeats(self, jobs: Iterable[str]) -> int:
        """Attempts beyond the first that no failure called for."""
        began: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for line in self.lines():
            began[line.job] += line.phase == BEGAN
            failed[line.job] += line.phase == FAILED
        return sum(max(0, began[job] - 1 - failed[job]) for job in set(jobs))
