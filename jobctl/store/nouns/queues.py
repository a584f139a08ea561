"""Queues: which exist, how deep they are, pause, empty."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import redis

from jobctl import clock
from jobctl.names import is_queue, of_queues
from jobctl.store.data.records import QueueRow
from jobctl.store.data.states import BY_NAME, allowing
from jobctl.store.nouns import counts, depths
from jobctl.store.nouns.pauses import EVERYTHING, in_force
from jobctl.store.wire import steps
from jobctl.store.wire.bounds import EVER
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

TRASH_MS = 7 * 86_400_000
SCAN_PAGE = 5_000
"""Keys that one call looks at when stock queues are searched: a few milliseconds of Redis."""
SCANNED_S = 60
SCAN_SHARE = 20
"""What a search took is passed at least so many times before the next: it takes no more than 5 % of anyone's time."""


class Peek(msgspec.Struct, frozen=True):
    """What a look around found: does something wait that is not paused, has a stock producer delayed something, what is
    due next (0: nothing; None: not looked for), and were there pauses to look at."""

    waiting: bool
    inbox: bool
    next_due_ms: int | None
    pauses: bool = False


class Expired(msgspec.Struct, frozen=True):
    """What one batch of clean-up deleted, of the trash and of the jobs that `keep` keeps; and whether there is more."""

    trashed: int
    others: int
    more: bool


class Queues:
    """The queues of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def register(self, names: Iterable[str]) -> None:
        """Make queues known, so that they are listed and searched."""
        queues = list(names)
        if queues:
            with mapping():
                self._store.writer.sadd(self._store.keys.queues(), *queues)

    def registered(self) -> list[str]:
        """The queues that jobctl wrote to or serves, sorted."""
        return self._store.registered()

    def names(self) -> list[str]:
        """Every queue there is, sorted: the registered ones, and stock ones that were taken in from or a SCAN finds.

        The SCAN looks at every key of the server. Where jobctl is at home it is made once a minute, or less often where
        it takes long, whoever asks, so that a new stock queue may show that much later. On a deployment that is only
        looked at, nothing is written.
        """
        client, key = self._store.client, self._store.keys.scanned()
        with mapping():
            cached = client.get(key)
            taken = set(of_queues(client.smembers(self._store.keys.stock_queues())))
        ours = self.registered()
        began = clock.monotonic()
        found = self.stock_names() if cached is None else list(of_queues(cached.split()))
        if ours and cached is None:
            rest = max(SCANNED_S, round((clock.monotonic() - began) * SCAN_SHARE))
            with suppress(redis.RedisError):  # who may not write searches each time
                client.set(key, " ".join(found), ex=rest)
        return sorted({*ours, *taken, *found})

    def stock_names(self) -> list[str]:
        """Queues of a stock deployment, found by one SCAN.

        Whatever is in a queue has a body in a hash `QUEUE.msgs`; other keys may be those of another system.
        """
        prefix = f"{self._store.keys.prefix}:"
        with mapping():
            keys = self._store.client.scan_iter(f"{_escaped(prefix)}*.msgs", count=SCAN_PAGE, _type="hash")
            return sorted({name for key in keys if (name := _queue_of(_text(key)[len(prefix) :]))})

    def peek(self, names: Sequence[str], *, due: bool = True, pauses: bool = False) -> Peek:
        """A look at many queues in two commands, one without `due`: for idle workers, once a second.

        It takes two to four more if something is there; one less with `pauses`, which says that there were some when
        something was there last.
        """
        keys = self._store.keys
        inboxes = [keys.stock_delayed(queue) for queue in names]
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            if due:
                pipe.zrange(keys.due(), 0, 0, withscores=True)
            if not pauses:
                pipe.exists(*self._lines(names), *inboxes)
            found = pipe.execute()
            some = 1 if pauses else int(found.pop())
            lines = self._open_lines(names) if some else None
            if pauses or lines is not None:
                some = int(self._store.client.exists(*(self._lines(names) if lines is None else lines), *inboxes))
            inbox = int(self._store.client.exists(*inboxes)) if some else 0
        next_due = next((int(rows[0][1]) if rows else 0 for rows in found), None)
        return Peek(some > inbox, inbox > 0, next_due, lines is not None)

    def _lines(self, names: Iterable[str]) -> list[str]:
        """Where jobs of these queues wait that a worker may take."""
        keys = self._store.keys
        return [
            key for queue in names for key in (keys.ready(queue), keys.ordered(queue), keys.of_limits(queue, "turns"))
        ]

    def _open_lines(self, names: Iterable[str]) -> list[str] | None:
        """The lines of those of the queues that are not paused; None if nothing is.

        To ask a paused queue for jobs would cost more, and bring none.
        """
        client = self._store.client
        raw = client.hgetall(self._store.keys.paused())
        if not raw:
            return None
        seconds, micros = client.time()
        pauses = in_force(raw, int(seconds) * 1000 + int(micros) // 1000)
        if not pauses:
            return None
        return [] if EVERYTHING in pauses else self._lines(name for name in names if name not in pauses)

    def wake(self, queue: str) -> None:
        """Let a worker look at a queue."""
        key = self._store.keys.wake(queue)
        with mapping():
            if not self._store.client.exists(key):
                self._store.client.rpush(key, "1")

    def unused(self, names: Iterable[str]) -> set[str]:
        """Those of the queues that have no job in any state."""
        keys, names = self._store.keys, list(names)
        pipe = self._store.client.pipeline(transaction=False)
        for name in names:
            pipe.exists(keys.bodies(name), keys.archive(name))
        with mapping():
            there = pipe.execute() if names else []
        return {name for name, one in zip(names, there, strict=True) if not one}

    def overdue(self, now_ms: int) -> list[str]:
        """Queues of which delayed jobs are due and not promoted: no worker serves them, or all are busy.

        `now_ms` is on Redis's clock. What cannot be a queue's name is taken off the index: nothing could ever do it.
        """
        key = self._store.keys.due()
        with mapping():
            due = self._store.client.zrangebyscore(key, "-inf", now_ms, start=0, num=1000)
            found = list(of_queues(due))
            if len(found) < len(due):
                self._store.writer.zrem(key, *(name for name in due if not is_queue(_text(name))))
        return found

    def inboxes(self, names: Sequence[str]) -> bool:
        """Whether stock producers or workers left anything in one of the queues."""
        keys = self._store.keys
        every = [key for queue in names for key in (keys.stock_delayed(queue), keys.stock_dead(queue))]
        with mapping():
            return bool(every) and bool(self._store.client.exists(*every))

    def depth(self, names: Iterable[str], known: Container[str] = ()) -> list[QueueRow]:
        """How deep queues are: see depths.rows."""
        return depths.rows(self._store, list(names), known)

    def holding(self, names: Iterable[str], *states: str) -> Iterator[str]:
        """The queues in which there is something: see depths.holding. Of the others nothing else has to be asked."""
        return depths.holding(self._store, list(names), *states)

    def emptiable(self, queue: str) -> dict[str, int]:
        """How many jobs `empty` would move, by state."""
        return self.counts(queue, allowing("empty"))

    def counts(self, queue: str, states: Iterable[str]) -> dict[str, int]:
        """How many jobs are in states of a queue."""
        rows = [BY_NAME[state] for state in states]
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            counts.ask(pipe, self._store.keys, queue, rows)
            return counts.read(iter(pipe.execute()), rows)

    def trash(self, queue: str, job_ids: Sequence[str]) -> list[bool]:
        """Move jobs that have not ended to the trash; False for those that run, or have ended."""
        rows = [(job_id,) for job_id in job_ids]
        return [
            bool(done)
            for done in steps.each(
                self._store, Rows("trash", queue, (queue, self._store.origin.operation, TRASH_MS), rows)
            )
        ]

    def empty(self, queue: str, limit: int = 500) -> tuple[int, int]:
        """Move one batch of waiting, limited, delayed and retrying jobs to the trash: (moved, entries left)."""
        moved, left = self._store.run("empty", queue, queue, self._store.origin.operation, TRASH_MS, limit)
        return int(moved), int(left)

    def expire(self, queue: str, keep_ms: int = EVER, keep_count: int = EVER, limit: int = 500) -> Expired:
        """Delete what lay in the trash past its time, and trim the jobs that `keep` keeps: one batch."""
        trashed, others, more = self._store.run("expire", queue, limit, keep_ms, keep_count)
        return Expired(trashed, others, bool(more))

    def promote_due(self, queue: str, limit: int = 500) -> int:
        """Make due jobs of a queue waiting; for queues that no worker serves."""
        return int(self._store.run("promote_due", queue, queue, limit))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)


def _queue_of(name: str) -> str | None:
    """The queue a stock hash of bodies belongs to: `email.msgs`, `email.DQ.msgs` and `email.XQ.msgs` are of `email`."""
    for suffix in (".msgs", ".DQ", ".XQ"):
        name = name.removesuffix(suffix)
    return name if is_queue(name) else None
