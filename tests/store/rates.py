"""What limits may let through, judged from the starts that were seen: for test_limits_model.py.

Times are Redis's milliseconds, moved on by what `pass_time` let pass.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.store.hourglass import SLACK_MS

NEAR_MS = 500
"""How exactly the moment of a start or a look is known."""


@dataclass
class Rate:
    """One bucket of a rate. `clean` until its limit changes under it: what it takes along is not judged then."""

    spec: str = ""
    starts: list[int] = field(default_factory=list)
    until: int = 0
    clean: bool = True

    def admits(self, at: int) -> bool:
        """Whether one more may start at a moment."""
        if not self.spec:
            return True
        if at < self.until:
            return False
        count, period, burst, window = self.spec.split()
        if window == "smooth":
            first = self._theoretical(int(period) / int(count)) - (int(burst) - 1) * int(period) / int(count)
            return first <= at
        recent = [t for t in self.starts if self._same(t, at, int(period), window)]
        return len(recent) < int(count)

    def _same(self, start: int, at: int, period: int, window: str) -> bool:
        return start // period == at // period if window == "fixed" else start > at - period

    def _theoretical(self, interval: float) -> float:
        """The theoretical arrival time of the next start; a bucket that was idle for long starts anew."""
        arrival = 0.0
        for start in self.starts:
            arrival = (start if arrival + SLACK_MS < start else arrival) + interval
        return arrival


@dataclass
class Limits:
    """The limits of a queue: what they allow now, and what was seen of each bucket."""

    specs: dict[str, str] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    running: Counter[str] = field(default_factory=Counter)
    paused: set[str] = field(default_factory=set)

    def rate(self, bucket: str) -> Rate:
        found = self.rates.setdefault(bucket, Rate())
        spec = self.specs.get(bucket.partition("|")[0], "")
        if found.spec != spec:
            found.clean = found.clean and not found.starts and not found.until
            found.spec = spec
        return found

    def start(self, lane: str, at: int) -> list[str]:
        """Count a job that starts; every bucket of its lane that should have held it."""
        wrong = [b for b in buckets(lane) if self.surely_holds(b, at)]
        for bucket in buckets(lane):
            if bucket[0] in "cC":
                self.running[bucket] += 1
            elif bucket[0] in "rR":
                self.rate(bucket).starts.append(at)
        return wrong

    def end(self, lane: str) -> None:
        for bucket in buckets(lane):
            if bucket[0] in "cC":
                self.running[bucket] -= 1

    def surely_holds(self, bucket: str, at: int) -> bool:
        """Whether a bucket admits nothing, even if the moment is not quite known."""
        if bucket[0] in "rR":
            rate = self.rate(bucket)
            return rate.clean and not rate.admits(at + NEAR_MS) and not rate.admits(at - NEAR_MS)
        return not self._free(bucket)

    def surely_admits(self, bucket: str, at: int) -> bool:
        if bucket[0] in "rR":
            rate = self.rate(bucket)
            return rate.clean and rate.admits(at - NEAR_MS) and rate.admits(at + NEAR_MS)
        return self._free(bucket)

    def _free(self, bucket: str) -> bool:
        limit = bucket.partition("|")[0]
        if limit[0] == "p":
            return limit[2:] not in self.paused
        return limit not in self.specs or self.running[bucket] < int(self.specs[limit])


def buckets(lane: str) -> list[str]:
    return lane.split("\n") if lane else []
