"""Schedules: the cursor of each, advanced in the same step that enqueues its tick; pauses; who has announced them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.data.newjob import Enqueued, NewJob
from jobctl.store.data.stats import plain
from jobctl.store.nouns.renames import renamed, roots
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace
    from jobctl.store.wire.script import Argument

BATCH = 50
"""Schedules, or ticks, in one call."""
RENAMED_AT_ONCE = 10
LIVES_MS = 3_600_000
"""A schedule that no scheduler has announced for this long is retired."""
_FIELDS = ("", "|job", "|paused", "|set_back", "|next", "|floor", "|failed")


class SchedulePause(msgspec.Struct, frozen=True):
    """Why a schedule's ticks pass unused. `until_ms` is epoch ms, 0 for until resumed."""

    until_ms: int
    by: str
    reason: str

    def text(self) -> str:
        """As it is kept."""
        return f"{self.until_ms}|{self.by.replace('|', '_')}|{self.reason}"


class ByHand(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a schedule is due instead of what the catalog says: exactly one of `cron` and `every_ms` is set. From
    `since_ms` on and before `until_ms` (epoch ms; 0 for until it is reset)."""

    by: str
    since_ms: int = 0
    until_ms: int = 0
    reason: str = ""
    cron: str | None = None
    every_ms: int | None = None
    timezone: str | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether it is not over."""
        return not self.until_ms or self.until_ms > now_ms


class Cursor(msgspec.Struct, frozen=True):
    """Where a schedule stands: its last tick (epoch ms) and the one that comes next, the job of the last that had one,
    its pause; when a cursor that a wrong clock had moved was last set back, and from which tick; up to which tick its
    history is no longer known; how many of its jobs in a row have died."""

    last_ms: int | None
    last_job: str | None
    pause: SchedulePause | None
    set_back: tuple[int, int] | None = None
    next_ms: int | None = None
    floor_ms: int = 0
    failures: int = 0


class Ticked(msgspec.Struct, frozen=True):
    """What became of a tick. `outcome`:

    used (`job` says what became of its job); taken (someone had it); early (Redis's clock has not come to it); paused
    (it passed unused); behind (ticks from `more`, epoch ms, on come first); overlaps (job `more`, as "QUEUE ID", of an
    earlier tick may not have ended); forgotten (its history is trimmed).

    `now_ms` is Redis's clock, `before_ms` the tick before this one, None if it is the first. `set_back_ms` is the
    cursor if it was too far ahead of Redis's clock and was set back by this call.
    """

    outcome: str
    now_ms: int
    before_ms: int | None = None
    set_back_ms: int | None = None
    more: str = ""
    job: Enqueued | None = None


class Tick(msgspec.Struct, frozen=True):
    """A tick that is to be taken, with its job. `next_ms` is the tick after it: it says how far ahead a cursor may be,
    and which tick is next.

    `how`: tick (it is due), caught_up (it was missed), queued (it has waited for an earlier one's job), backfill, hand.
    With `look` it is not taken while the job of an earlier tick may not have ended.
    """

    schedule: str
    at_ms: int
    next_ms: int
    job: NewJob
    how: str = "tick"
    why: str = ""
    look: bool = False


class Schedules:
    """The schedules of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def tick(self, tick: Tick) -> Ticked:
        """Take one tick."""
        return _ticked(tick, self._store.run("tick", tick.job.queue, *_arguments(tick, self._store.index_key)))

    def tick_all(self, ticks: Sequence[Tick]) -> list[Ticked]:
        """Take several ticks in one round trip, each in a step of its own."""
        calls = [self._store.call("tick", tick.job.queue, *_arguments(tick, self._store.index_key)) for tick in ticks]
        return [_ticked(tick, reply) for tick, reply in zip(ticks, self._store.run_many(calls), strict=True)]

    def let_pass(self, schedule: str, ticks: Sequence[int], next_ms: int, what: str, why: str) -> int:
        """Let ticks pass without a job, in order: missed, skipped, or queued behind the job of an earlier tick.
        `next_ms` is the one after the last. Returns how many passed: others may have decided some. Without ticks,
        `next_ms` is the next one instead of what was expected."""
        done = 0
        for start in range(0, max(1, len(ticks)), BATCH):
            piece = ticks[start : start + BATCH]
            after = ticks[start + BATCH] if start + BATCH < len(ticks) else next_ms
            done += int(self._store.run("pass_ticks", (), schedule, after, what, why, *piece))
        return done

    def announce(self, rows: Sequence[tuple[str, str, int]]) -> list[int]:
        """Say which schedules there are: (name, a digest of when it is due, its next tick). Returns the tick that comes
        next for each, in the past if some were missed.

        One that is new, or due at other times than before, has no ticks in the past.
        """
        out: list[int] = []
        for start in range(0, len(rows), BATCH):
            flat = [value for row in rows[start : start + BATCH] for value in row]
            out += [int(value) for value in self._store.run("announce", (), *flat)]
        return out

    def rename(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Let schedules go on under new names: (old, new) of each. The old names mean the new ones from now on. Returns
        those pairs that are two different schedules, and stay so."""
        apart: list[tuple[str, str]] = []
        for start in range(0, len(pairs), RENAMED_AT_ONCE):
            piece = pairs[start : start + RENAMED_AT_ONCE]
            done = self._store.run("rename", (), LIVES_MS, *(name for pair in piece for name in pair))
            apart += [pair for pair, one in zip(piece, done, strict=True) if not one]
        return apart

    def roots(self, names: Iterable[str]) -> dict[str, str]:
        """The name under which each is kept: a newer one, if it was renamed."""
        return roots(self._store, names)

    def part(self, names: Iterable[str]) -> None:
        """One catalog has all these names, so none of them means another any more."""
        kept = roots(self._store, names)
        used = {name for name, root in kept.items() if name == root}
        for name, root in kept.items():
            if name != root and root in used:
                with mapping():
                    self._store.writer.hdel(self._store.keys.renamed(), name)
            used.add(root)

    def announced(self) -> dict[str, int]:
        """When a scheduler last had each schedule (epoch ms)."""
        with mapping():
            found = self._store.client.hgetall(self._store.keys.announced())
        return {name.decode(): int(at) for name, at in found.items()}

    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        """Where schedules stand."""
        schedules = roots(self._store, names)
        wanted = [f"{root}{field}" for root in schedules.values() for field in _FIELDS]
        with mapping():
            values = self._store.client.hmget(self._store.keys.cursors(), wanted) if wanted else []
        width = len(_FIELDS)
        return {name: _cursor(values[i * width : (i + 1) * width]) for i, name in enumerate(schedules)}

    def by_hand(self) -> dict[str, list[ByHand]]:
        """What was set by hand, by schedule and also by its former names: the latest ones in order, also those that are
        over."""
        with mapping():
            found = self._store.client.hgetall(self._store.keys.schedules_by_hand())
        out = {}
        for name, text in found.items():
            with suppress(ValueError):  # what another version wrote must not hide the others
                out[name.decode()] = msgspec.json.decode(text, type=list[ByHand])
        if out:
            out |= {name: out[root] for name, root in renamed(self._store).items() if root in out}
        return out

    def set_by_hand(self, name: str, said: ByHand | None) -> bool:
        """Set when a schedule is due from now on, until a time or until reset (None). False if there was nothing to
        reset."""
        text = b"" if said is None else msgspec.json.encode(said)
        return bool(self._store.run("set_times", (), name, text))

    def pause(self, name: str, pause: SchedulePause) -> None:
        """Let ticks pass unused, until a time or until the schedule is resumed."""
        root = roots(self._store, [name])[name]
        with mapping():
            self._store.writer.hset(self._store.keys.cursors(), f"{root}|paused", pause.text())

    def resume(self, name: str) -> bool:
        """False if the schedule was not paused."""
        root = roots(self._store, [name])[name]
        with mapping():
            pipe = self._store.client.pipeline(transaction=True)
            pipe.hdel(self._store.keys.cursors(), f"{root}|paused")
            pipe.hdel(self._store.keys.cursors(), f"{root}|failed")
            return bool(pipe.execute()[0])


def _arguments(tick: Tick, secret: bytes) -> tuple[Argument, ...]:
    """What tick.lua is given; `secret` is the key of indexes of hidden values."""
    job = tick.job
    head = (tick.schedule, tick.at_ms, tick.next_ms, tick.how, "look" if tick.look else "", tick.why)
    extra = job.extra(secret)
    return (*head, job.queue, job.id, job.body(clock.now_ms()), job.priority, job.due(), extra, plain(job.type))


def _ticked(tick: Tick, reply: Sequence[Any]) -> Ticked:
    what, now, before, set_back, more, *became = reply
    done = Enqueued(tick.job, *map(ids.read, became)) if became else None
    return Ticked(what.decode(), now, _number(before), _number(set_back), ids.read(more), done)


def _cursor(values: Sequence[bytes | None]) -> Cursor:
    last, job, paused, back, upcoming, floor, failed = values
    at, _, cursor = (back or b"").partition(b" ")
    return Cursor(
        last_ms=_number(last),
        last_job=job.decode() if job else None,
        pause=_pause(paused),
        set_back=(int(at), int(cursor)) if cursor else None,
        next_ms=_number(upcoming),
        floor_ms=_number(floor) or 0,
        failures=_number(failed) or 0,
    )


def _pause(text: bytes | None) -> SchedulePause | None:
    """A pause that holds now; what an older version wrote has no end."""
    if text is None:
        return None
    until, by, reason, *_ = [*text.decode("utf-8", "replace").split("|", 2), "", ""]
    if not until.isdigit():
        return SchedulePause(0, until, "")
    return SchedulePause(int(until), by, reason) if until == "0" or int(until) > clock.now_ms() else None


def _number(text: bytes | None) -> int | None:
    return int(text) if text else None
