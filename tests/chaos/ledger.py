"""The ledger: one file outside Redis to which every attempt appends what it does, a line a write."""

from __future__ import annotations

import bisect
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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

    def starts(self, jobs: Iterable[str]) -> list[float]:
        """When attempts of these jobs began, in order."""
        wanted = set(jobs)
        return sorted(line.at for line in self.lines(BEGAN) if line.job in wanted)

    def spans(self, jobs: Iterable[str], killed: Mapping[int, float]) -> list[tuple[float, float]]:
        """From when to when each attempt of these jobs ran; at most until its process was `killed` (pid → when)."""
        wanted = set(jobs)
        began, spans = {}, []
        for line in self.lines():
            if line.job in wanted:
                attempt = (line.job, line.attempt, line.pid)
                if line.phase == BEGAN:
                    began[attempt] = line.at
                else:
                    spans.append((began.pop(attempt), min(line.at, killed.get(line.pid, line.at))))
        return spans + [(at, max(at, killed.get(pid, float("inf")))) for (_, _, pid), at in began.items()]


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """How many spans overlap at most. One that ends in the moment in which another begins does not overlap it."""
    changes = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    return max(itertools.accumulate(change for _, change in changes), default=0)


def most_within(times: Sequence[float], window_s: float) -> int:
    """How many of some moments, given in order, lie in the densest window at most."""
    return max((bisect.bisect_left(times, at + window_s) - n for n, at in enumerate(times)), default=0)
