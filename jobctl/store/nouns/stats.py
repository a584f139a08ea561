"""What happened to jobs, by queue and type: scripts count it where they change the state, here it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.store.data import ids, stats
from jobctl.store.data.stats import Counts
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MINUTE_MS = 60_000
AT_ONCE = 500
"""Job types that are read in one round trip."""
_numbers = msgspec.msgpack.Decoder(dict[str, int])


class Period(msgspec.Struct, frozen=True):
    """How finely is counted: the length in minutes, and how many periods are kept. `letter` and `open` are those of
    _stats.lua; minutes have no `open`."""

    letter: str
    minutes: int
    kept: int
    open: str = ""


MINUTES, HOURS, DAYS = Period("m", 1, 180), Period("h", 60, 72, "H"), Period("d", 1440, 90, "D")
PERIODS = (MINUTES, HOURS, DAYS)


class Kind(msgspec.Struct, frozen=True, order=True):
    """A job type in its queue."""

    queue: str
    type: str


class Span(msgspec.Struct, frozen=True):
    """Consecutive periods: from number `first` on (since the Unix epoch), `count` of them."""

    period: Period
    first: int
    count: int

    @property
    def start_ms(self) -> int:
        return self.first * self.period.minutes * MINUTE_MS


def finest(since_ms: int, now_ms: int) -> Period:
    """The shortest periods that reach back so far; days for what is longer ago than anything is kept."""
    for period in PERIODS:
        oldest = now_ms // (period.minutes * MINUTE_MS) - period.kept + 1
        if since_ms // (period.minutes * MINUTE_MS) >= oldest:
            return period
    return DAYS


def span(period: Period, since_ms: int, until_ms: int) -> Span:
    """The periods that lie at least in part between two times."""
    length = period.minutes * MINUTE_MS
    first, last = since_ms // length, max(since_ms, until_ms - 1) // length
    return Span(period, first, last - first + 1)


class Stats:
    """What was counted in a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def kinds(self, queues: Sequence[str], since_ms: int = 0) -> list[Kind]:
        """The job types of these queues that were counted, those of which nothing happened since then left out."""
        pipe = self._store.client.pipeline(transaction=False)
        for queue in queues:
            # A minute is closed by the first event after it, so its number may be that of an earlier one.
            pipe.zrangebyscore(self._store.keys.stats(queue), since_ms // MINUTE_MS, "+inf")
        with mapping():
            replies = pipe.execute() if queues else []
        return [Kind(queue, ids.read(name)) for queue, names in zip(queues, replies, strict=True) for name in names]

    def series(self, kinds: Sequence[Kind], wanted: Span) -> dict[Kind, list[Counts]]:
        """What was counted of each in each of these periods."""
        fields, out = _fields(wanted), {}
        for kind, *reply in self._read(kinds, fields):
            out[kind] = parts = [Counts() for _ in range(wanted.count)]
            _put(wanted, reply, parts.__getitem__)
        return out

    def sums(self, kinds: Sequence[Kind], wanted: Span) -> dict[Kind, Counts]:
        """What was counted of each in all of these periods together."""
        fields, out = _fields(wanted), {}
        for kind, *reply in self._read(kinds, fields):
            out[kind] = total = Counts()
            _put(wanted, reply, lambda _place, total=total: total)  # type: ignore[misc]
        return out

    def totals(self, kinds: Sequence[Kind]) -> dict[Kind, Counts]:
        """All that was ever counted of each; it only grows."""
        out = {}
        for kind, past, now in self._read(kinds, ["T"]):
            total = stats.of_fields(_numbers.decode(past[0])) if past[0] else Counts()
            total.add(_open(now)[1])
            out[kind] = total
        return out

    def _read(self, kinds: Sequence[Kind], fields: list[str]) -> Iterator[tuple[Kind, list[Any], dict[bytes, bytes]]]:
        keys = self._store.keys
        for start in range(0, len(kinds), AT_ONCE):
            some = kinds[start : start + AT_ONCE]
            pipe = self._store.client.pipeline(transaction=True)  # a minute is closed before or after it, not between
            for kind in some:
                pipe.hmget(keys.of_stats(kind.queue, f"past:{kind.type}"), fields)
                pipe.hgetall(keys.of_stats(kind.queue, f"now:{kind.type}"))
            with mapping():
                replies = pipe.execute()
            for at, kind in enumerate(some):
                yield kind, replies[2 * at], replies[2 * at + 1]


def _fields(wanted: Span) -> list[str]:
    """The fields that may have these periods, and the open one."""
    period = wanted.period
    numbers = range(wanted.first, wanted.first + wanted.count)[-period.kept :]
    return [f"{period.letter}{number % period.kept}" for number in numbers] + ([period.open] if period.open else [])


def _put(wanted: Span, reply: Sequence[Any], part: Callable[[int], Counts]) -> None:
    """Add what was read to the parts of the periods, by their places."""
    past, now = reply
    period, first, end = wanted.period, wanted.first, wanted.first + wanted.count
    if period.open:
        *past, running = past
        fields: Mapping[str, int] = _numbers.decode(running) if running else {"at": -1}
        if first <= fields["at"] < end:
            part(fields["at"] - first).add(stats.of_fields(fields))
    for packed in past:
        # A place in the ring may have an older period.
        if packed and first <= (number := stats.number_of(packed)) < end:
            part(number - first).add_packed(packed)
    minute, counts = _open(now)
    if first <= minute // period.minutes < end:
        part(minute // period.minutes - first).add(counts)


def _open(fields: Mapping[bytes, bytes]) -> tuple[int, Counts]:
    """The open minute: its number, and what was counted in it."""
    read = {field.decode(): int(count) for field, count in fields.items()}
    return read.pop("at", 0), stats.of_fields(read)
