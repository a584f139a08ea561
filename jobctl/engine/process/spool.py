"""What running attempts say, on its way to Redis: bounded, also while Redis is away."""

from __future__ import annotations

import threading
from collections import deque

import msgspec

from jobctl.engine.attempt.outcome import Lines, Reach
from jobctl.store.nouns.logs import LogLine
from jobctl.store.nouns.settle import Begun

MAX_BYTES = 16_000_000
"""How much text of lines is kept for Redis, of all attempts of a process. The oldest give way, and are counted."""
LINE_BYTES = 200
"""About what a line takes besides its text."""


class Spool:
    """Lines and progress that are still to be written. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[Lines] = deque()
        self._bytes = 0
        self._reached: dict[str, Reach] = {}
        self._begun: dict[str, Begun] = {}
        self._lost: dict[str, tuple[Lines, int]] = {}

    def add(self, said: Lines | Reach | Begun) -> bool:
        """Put by what an attempt said; of its progress only the latest stays. Whether there was nothing before."""
        with self._lock:
            empty = not self._lines and not self._reached and not self._begun
            if isinstance(said, Begun):
                self._begun[said.token] = said
                return empty
            if isinstance(said, Reach):
                self._reached[said.reached.token] = said
                return empty
            self._lines.append(said)
            self._bytes += _size(said)
            while self._bytes > MAX_BYTES:
                self._drop(self._lines.popleft())
            return empty

    def _drop(self, old: Lines) -> None:
        self._bytes -= _size(old)
        _, lost = self._lost.get(old.batch.token, (old, 0))
        self._lost[old.batch.token] = (old, lost + len(old.batch.lines))

    def begun(self) -> list[Begun]:
        """The attempts of which it is still to be written that they run."""
        with self._lock:
            begun, self._begun = [*self._begun.values()], {}
        return begun

    def take(self) -> tuple[list[Lines], list[Reach], int]:
        """All of it, and how many lines were dropped; where they were, a line says so."""
        with self._lock:
            lines, reached, lost = [*self._lines], [*self._reached.values()], self._lost
            self._lines.clear()
            self._bytes, self._reached, self._lost = 0, {}, {}
        return [_gap(old, count) for old, count in lost.values()] + lines, reached, sum(n for _, n in lost.values())


def _size(said: Lines) -> int:
    return sum(len(line.text) + LINE_BYTES for line in said.batch.lines)


def _gap(old: Lines, count: int) -> Lines:
    last = old.batch.lines[-1]
    line = LogLine(last.attempt, last.at, "log", f"… {count:,} line{'s' * (count != 1)} left out: Redis was away …")
    return Lines(old.queue, msgspec.structs.replace(old.batch, lines=(line,)))
