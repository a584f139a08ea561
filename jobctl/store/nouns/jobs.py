"""Jobs: enqueue, find by id, list by state, cancel, promote, revive, remove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.store.data import attempts, codec, ids
from jobctl.store.data.attempts import Lived
from jobctl.store.data.found import Found
from jobctl.store.data.newjob import Closed, Enqueued, NewJob, said
from jobctl.store.data.states import BY_NAME
from jobctl.store.data.stats import plain
from jobctl.store.nouns.walk import walk_down
from jobctl.store.wire import steps
from jobctl.store.wire.bounds import BATCH, EVENTS_KEPT
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.script import Argument
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

QUEUES_A_CALL = 250


class Ambiguous(UsageError):
    """Several queues have a job of that id."""

    def __init__(self, job_id: str, queues: Sequence[str]) -> None:
        names = ", ".join(queues[:5]) + (f" and {len(queues) - 5} more" if len(queues) > 5 else "")
        super().__init__(
            f"several queues have a job {job_id}: {names}",
            f"choose one with --queue {queues[0]}, or queue:{queues[0]} in a filter",
        )
        self.queues = tuple(queues)


class Jobs:
    """The jobs of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Add jobs and say what became of each. Safe to repeat: a known id is left alone.

        Raises Closed when a pause keeps producers out; it says which of the jobs were added before.
        """
        now = clock.now_ms()
        done: list[Enqueued | None] = [None] * len(jobs)
        by_queue: dict[str, list[int]] = {}
        for place, job in enumerate(jobs):
            by_queue.setdefault(job.queue, []).append(place)
        for queue, places in by_queue.items():
            try:
                for place, one in zip(places, self._enqueue_all(queue, [jobs[i] for i in places], now), strict=True):
                    done[place] = one
            except Closed as error:
                raise Closed(error.message, error.hint, done) from None
        return [one for one in done if one is not None]

    def _enqueue_all(self, queue: str, jobs: Sequence[NewJob], now: int) -> Iterator[Enqueued]:
        """What became of each job of one queue, in their order."""
        for at in range(0, len(jobs), steps.BATCH):
            yield from self._enqueue_batch(queue, jobs[at : at + steps.BATCH], now)

    def _enqueue_batch(self, queue: str, jobs: Sequence[NewJob], now: int) -> Iterator[Enqueued]:
        types = "\n".join(sorted({job.type for job in jobs}))
        secret = self._store.index_key
        rows = [
            (job.id, job.body(now), str(job.priority), job.due(), job.extra(secret), plain(job.type)) for job in jobs
        ]
        for start, count, values in steps.walk(self._store, Rows("enqueue", queue, (queue, types), rows, types)):
            unusual = list(said([count, *values]))
            done = [Enqueued(job) for job in jobs[start : start + count]]
            for place, outcome, other in unusual:
                done[place] = Enqueued(done[place].job, outcome, other)
            yield from done

    def find(self, job_id: str, queues: Iterable[str] | None = None) -> Found | None:
        """The job of that id, in any state. `queues` are those to look in, all known ones by default.

        Raises Ambiguous if several queues have such a job.
        """
        found = self.find_all(job_id, queues)
        if len(found) > 1:
            raise Ambiguous(job_id, [job.queue for job in found])
        return found[0] if found else None

    def find_all(self, job_id: str, queues: Iterable[str] | None = None) -> list[Found]:
        """The jobs of that id, one a queue at most. Stock messages are found by their own id, too."""
        from jobctl.store.nouns.queues import Queues

        names = list(Queues(self._store).names() if queues is None else queues)
        having = names if len(names) == 1 else self._which(names, job_id)
        found = [found for name in having for found in self.locate(name, [job_id])]
        there = {job.queue for job in found}
        return found + self._look_for_messages([name for name in names if name not in there], job_id)

    def _which(self, queues: Sequence[str], job_id: str) -> list[str]:
        """Those of the queues that have a job of that id: all are asked, since any may have one."""
        parts = [queues[at : at + QUEUES_A_CALL] for at in range(0, len(queues), QUEUES_A_CALL)]
        replies = self._store.run_many([self._store.call("which", part, job_id) for part in parts])
        return [part[place] for part, places in zip(parts, replies, strict=True) for place in places]

    def _look_for_messages(self, queues: Sequence[str], message_id: str) -> list[Found]:
        """The jobs that stock messages of that id became."""
        if not queues or not ids.FOREIGN.fullmatch(message_id):
            return []
        pipe = self._store.client.pipeline(transaction=False)
        for name in queues:
            pipe.hget(self._store.keys.aliases(name), message_id)
        with mapping():
            replies = pipe.execute()
        known = [(name, _text(job_id)) for name, job_id in zip(queues, replies, strict=True) if job_id]
        return [found for name, job_id in known if job_id != message_id for found in self.locate(name, [job_id])]

    def alias(self, queue: str, named: Iterable[tuple[str, str]]) -> Rows:
        """Lets jobs be found, while they are there, by the id that a stock producer knows: (job id, that id)."""
        return Rows("alias", queue, (), [(job_id, ids.alias(job_id, message_id)) for job_id, message_id in named])

    def locate(self, queue: str, job_ids: Sequence[str]) -> list[Found]:
        """The jobs of a queue that exist, among `job_ids`, in that order."""
        return self._located(queue, job_ids, [])

    def locate_each(self, named: Mapping[str, Sequence[str]]) -> dict[str, list[Found]]:
        """The same for several queues, few jobs of each."""
        out: dict[str, list[Found]] = {}
        for trip in _trips(named):
            replies = self._store.run_many([self._store.call("locate", queue, *named[queue]) for queue in trip])
            out |= {queue: self._located(queue, named[queue], rows) for queue, rows in zip(trip, replies, strict=True)}
        return out

    def _located(self, queue: str, job_ids: Sequence[str], rows: list[Sequence[bytes]]) -> list[Found]:
        """The jobs, of which the first `rows` are known."""
        while len(rows) < len(job_ids):
            rows += self._store.run("locate", queue, *job_ids[len(rows) : len(rows) + BATCH])
        return [f for i, row in zip(job_ids, rows, strict=True) if (f := self._found(queue, i, row)) is not None]

    def _found(self, queue: str, job_id: str, row: Sequence[bytes]) -> Found | None:
        state = _text(row[0])
        if not state:
            return None
        return Found(
            id=job_id,
            queue=queue,
            state=state,
            detail=_text(row[1]),
            body=row[2],
            record=codec.decode_record(row[3]),
            crashes=int(row[4]),
            priority=int(row[5]),
            cancelling=row[6] == b"1",
            lane=_text(row[7]),
            expires_ms=round(float(row[8])) if row[8] else 0,
            progress=row[9],
            rules=self._store.rules,
        )

    def detailed(self, found: Found) -> Found:
        """The same job, with its attempts and its result."""
        return self.details(found.queue, [found])[0]

    def details(self, queue: str, found: Sequence[Found]) -> list[Found]:
        """The same jobs of a queue, with their attempts and results."""
        rows: list[Sequence[bytes]] = []
        while len(rows) < len(found):
            rows += self._store.run("details", queue, *(job.id for job in found[len(rows) : len(rows) + BATCH]))
        return [_detailed(job, row) for job, row in zip(found, rows, strict=True)]

    def results(self, queue: str, found: Sequence[Found]) -> list[Found]:
        """The same jobs of a queue, with their results."""
        completed = [ids.write(job.id) for job in found if BY_NAME[job.state].well]
        if not completed:
            return [*found]
        with mapping():
            kept = iter(self._store.client.hmget(self._store.keys.results(queue), completed))
        return [replace(job, result=next(kept) or b"") if BY_NAME[job.state].well else job for job in found]

    def scan(self, queue: str, state: str, *, batch: int = 500) -> Iterator[list[Found]]:
        """The jobs of a queue in one state, newest first where Redis keeps that order, in batches. All that are there
        from the beginning to the end: no index is counted over what others take out meanwhile. One that has moved on
        since its id was read comes with the state that it has now; one that moves may come twice."""
        for job_ids in self.ids(queue, state, batch=batch):
            yield self.locate(queue, job_ids)

    def ids(self, queue: str, state: str, *, batch: int = 500) -> Iterator[list[str]]:
        """The ids of the same jobs, in the same order."""
        client = self._store.client
        for place in BY_NAME[state].places:
            key = getattr(self._store.keys, place.key)(queue)
            match place.kind:
                case "hash":
                    with mapping():
                        yield [_text(i) for i in client.hkeys(key)]
                case "list":
                    yield from self._tail(key, batch)
                case "set":
                    yield from walk_down(self._store, key, page=batch)

    def _tail(self, key: str, batch: int) -> Iterator[list[str]]:
        """The entries of a list, the last first. Places are counted from its end: entries leave at its head."""
        start = 0
        while True:
            with mapping():
                page = self._store.client.lrange(key, -start - batch, -start - 1)
            if not page:
                return
            yield [_text(i) for i in reversed(page)]
            start += batch

    def cancel(self, queue: str, jobs: Sequence[tuple[str, bytes, str]], *, running: bool) -> list[str]:
        """Cancel jobs given as (id, event, mark of data.stats, or ""); returns the state each was in, "ended" if it
        was not live.

        Running ones are told to stop if `running`, and are left alone otherwise.
        """
        head = (queue, self._store.origin.operation, "1" if running else "0", EVENTS_KEPT)
        return [_text(state) for state in steps.each(self._store, Rows("cancel", queue, head, jobs))]

    def is_cancelling(self, queue: str, job_id: str) -> bool:
        """Whether a running job has been asked to stop."""
        with mapping():
            return bool(self._store.client.hexists(self._store.keys.cancels(queue), job_id))

    def promote(self, queue: str, job_ids: Sequence[str]) -> list[bool]:
        """Make delayed or retrying jobs waiting now; False for those that were neither."""
        return self._each("promote", queue, (queue,), job_ids)

    def reprioritise(self, queue: str, job_ids: Sequence[str], priority: int) -> list[bool]:
        """Change the priority of jobs that have not ended; False for those that have."""
        return self._each("reprioritise", queue, (queue, priority), job_ids)

    def free_keys(self, queue: str, job_ids: Sequence[str]) -> list[bool]:
        """Free the unique keys that jobs hold; False for those that hold none."""
        return self._each("free", queue, (), job_ids)

    def revive(self, queue: str, jobs: Sequence[tuple[str, str]]) -> list[bool]:
        """Make dead (id, group) or cancelled (id, "") jobs waiting again; False for those that were no longer so, or
        ended after the operation was planned."""
        origin = self._store.origin
        latest = "" if origin.latest_ms is None else origin.latest_ms
        work = Rows("revive", queue, (queue, origin.operation, "ids", latest), jobs)
        return [bool(done) for done in steps.each(self._store, work)]

    def uncancel(self, queue: str, jobs: Sequence[tuple[str, str]], latest_ms: int) -> list[bool]:
        """Let jobs that were cancelled until then live again, given as (id, their state before, with `|DUE` if they had
        a due time); False for those that are no longer cancelled, or were later."""
        return [bool(done) for done in steps.each(self._store, Rows("uncancel", queue, (queue, latest_ms), jobs))]

    def remove(self, queue: str, job_ids: Sequence[str]) -> list[bool]:
        """Delete completed or cancelled jobs for good; False for those that were neither."""
        return self._each("remove", queue, (), job_ids)

    def _each(self, script: str, queue: str, head: tuple[Argument, ...], job_ids: Sequence[str]) -> list[bool]:
        rows = [(job_id,) for job_id in job_ids]
        return [bool(done) for done in steps.each(self._store, Rows(script, queue, head, rows))]


def _trips(named: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """The queues in round trips of some 100 jobs: Redis runs what comes in one without a look at others."""
    trip: list[str] = []
    rows = 0
    for queue, job_ids in named.items():
        if trip and rows + len(job_ids) > steps.TOGETHER:
            yield trip
            trip, rows = [], 0
        trip.append(queue)
        rows += len(job_ids)
    if trip:
        yield trip


def _text(value: Any) -> str:
    return ids.read(value) if isinstance(value, bytes) else str(value)


def _detailed(job: Found, row: Sequence[bytes]) -> Found:
    """A job with what details.lua said of it."""
    lines, result, *traces = row
    lived = attempts.decode(lines, dict(zip(traces[::2], traces[1::2], strict=True))) if lines else ()
    if (ran := job.record.ran) is not None:
        lived += (Lived(job.record.count, "completed", ran.host, ran.pid, ran.started, ran.duration),)
    return replace(job, attempts=lived, result=result)
