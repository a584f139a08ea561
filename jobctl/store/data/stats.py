"""What is counted of jobs, as scripts write it: marks, buckets, and periods that are over (see _stats.lua).

Times are counted in buckets that grow by GROWTH, from 1 ms to four days: what is read from one is within 10 % of what
was measured.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

GROWTH = 1.22
BUCKETS = 100
"""Bucket 0 is up to 1 ms; bucket n is up to GROWTH ** n ms; the last has all that is longer."""
_EDGES = tuple(GROWTH**number for number in range(BUCKETS - 1))
"""The longest time of each bucket but the last, in ms."""
MAX_NAME = 120
"""Characters of a job type's name; one that is longer is no type of a catalog."""
UNNAMED = "?"
COUNTERS = {
    "e": "enqueued", "s": "started", "c": "completed", "f": "failed", "r": "retried", "d": "dead", "x": "cancelled",
}  # fmt: skip
"""The letters of _stats.lua, in its order. `failed` are attempts, the others jobs."""
_PACKED = struct.Struct(f">{len(COUNTERS)}I")


def bucket(ms: float) -> int:
    """The bucket of a time."""
    return bisect_left(_EDGES, ms)


def value(number: int) -> float:
    """The time in ms that a bucket stands for: its middle, as far from both ends in per cent."""
    return 2 * GROWTH**number / (GROWTH + 1) if number else 1.0


@lru_cache(maxsize=4096)
def plain(job_type: str) -> str:
    """The mark of an event without times."""
    return f"..{job_type if len(job_type) <= MAX_NAME and job_type.isprintable() else UNNAMED}"


_marks: dict[tuple[str, int, int], str] = {}
_MOST_MARKS = 20_000
_UNKNOWN = -1


def mark(job_type: str, wait_ms: float | None = None, ran_ms: float | None = None) -> str:
    """What a script counts an event by. A time that is None is not known, and not counted. Made for every attempt: what
    was made before is remembered."""
    wait = _UNKNOWN if wait_ms is None else bisect_left(_EDGES, wait_ms)
    ran = _UNKNOWN if ran_ms is None else bisect_left(_EDGES, ran_ms)
    found = _marks.get((job_type, wait, ran))
    return _made(job_type, wait, ran) if found is None else found


def _made(job_type: str, wait: int, ran: int) -> str:
    if len(_marks) >= _MOST_MARKS:
        _marks.clear()
    known = ["" if number == _UNKNOWN else str(number) for number in (wait, ran)]
    made = _marks[job_type, wait, ran] = f"{known[0]}.{known[1]}.{plain(job_type)[2:]}"
    return made


class Histogram(msgspec.Struct):
    """How often each bucket was counted."""

    counts: dict[int, float]

    def add(self, other: Histogram) -> None:
        counts = self.counts
        for number, count in other.counts.items():
            counts[number] = counts.get(number, 0) + count

    def add_packed(self, packed: bytes, at: int) -> int:
        """Adds what is packed there; returns where it ends."""
        counts, number, end = self.counts, packed[at], at + 2 + packed[at + 1]
        for byte in packed[at + 2 : end]:
            if byte:
                counts[number] = counts.get(number, 0) + _SIZES[byte]
            number += 1
        return end

    @property
    def total(self) -> float:
        return sum(self.counts.values())

    def quantile(self, share: float) -> float | None:
        """The time in seconds below which this share of all is; None if there is none."""
        left = share * self.total
        for number in sorted(self.counts):
            left -= self.counts[number]
            if left <= 0 and self.counts[number]:
                return value(number) / 1000
        return None

    def mean(self) -> float | None:
        """In seconds; None if there is none."""
        total = self.total
        return sum(value(number) * count for number, count in self.counts.items()) / total / 1000 if total else None


class Counts(msgspec.Struct):
    """What happened in a time. Histograms of the waiting time of those that started, and of how long attempts ran."""

    enqueued: int = 0
    started: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    cancelled: int = 0
    wait: Histogram = msgspec.field(default_factory=lambda: Histogram({}))
    run: Histogram = msgspec.field(default_factory=lambda: Histogram({}))

    def add(self, other: Counts) -> None:
        for name in COUNTERS.values():
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wait.add(other.wait)
        self.run.add(other.run)

    def add_packed(self, packed: bytes) -> None:
        """Adds a period that is over."""
        for name, count in zip(COUNTERS.values(), _PACKED.unpack_from(packed, 4), strict=True):
            if count:
                setattr(self, name, getattr(self, name) + count)
        self.run.add_packed(packed, self.wait.add_packed(packed, 4 + _PACKED.size))

    @property
    def ended_attempts(self) -> int:
        """Attempts that succeeded or failed."""
        return self.completed + self.failed

    @property
    def failure_rate(self) -> float | None:
        """The share of attempts that failed; None without attempts."""
        return self.failed / self.ended_attempts if self.ended_attempts else None


def summed(parts: Iterable[Counts]) -> Counts:
    """All of them together."""
    out = Counts()
    for part in parts:
        out.add(part)
    return out


def of_fields(fields: Mapping[str, int]) -> Counts:
    """What is counted in a period that is still open: letters and buckets with their counts."""
    out = Counts()
    for field, count in fields.items():
        if field in COUNTERS:
            setattr(out, COUNTERS[field], int(count))
        elif field[0] in "wt" and field[1:].isdigit():
            (out.wait if field[0] == "w" else out.run).counts[int(field[1:])] = int(count)
    return out


def number_of(packed: bytes) -> int:
    """Which period a packed one is: its number since the Unix epoch."""
    return int.from_bytes(packed[:4])


def _count(byte: int) -> float:
    """The count that a byte stands for, within 6 %."""
    if byte < 16:
        return byte
    power = (byte >> 3) - 1
    return (8 + (byte & 7) + 0.5) * 2.0**power


_SIZES = tuple(map(_count, range(256)))
