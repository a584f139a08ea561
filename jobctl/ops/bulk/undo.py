"""`jobctl op undo`: takes back what an operation did, as far as nothing has happened to its jobs since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import NothingMatched, Refused
from jobctl.ops.bulk import plan as planning
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.bulk.verb import Tried, Verb
from jobctl.ops.filters.filter import Filter
from jobctl.store.data.ids import JobRef
from jobctl.store.data.states import BY_NAME, STATES
from jobctl.store.nouns.operations import LOST
from jobctl.store.nouns.queues import TRASH_MS

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.nouns.operations import OperationRow

Before = Mapping[JobRef, str]
"""What is known of the state of jobs before they were changed: STATE|DUE, or nothing."""

Span = tuple[int, int]
"""When an operation began and ended (epoch ms)."""


def plan(store: Store, row: OperationRow) -> tuple[Verb, Planned]:
    """What would be taken back, and how. Raises Refused where nothing can be, and what can is none of this."""
    make = _KINDS.get(row.action)
    if make is None:
        raise Refused(f"{row.action} cannot be undone")
    if row.state in ("running", "paused"):
        raise Refused(f"operation {row.id} is {row.state}", f"end it first: jobctl op abort {row.id}")
    if row.state == "undone":
        raise Refused(f"operation {row.id} was undone already")
    before = {JobRef(queue, i): was for queue, jobs in store.operations.changed(row.id) for i, was in jobs}
    if not before:
        why = "it changed nothing" if not row.changed else "seven days are over, or it was of more than 1,000,000 jobs"
        raise Refused(f"operation {row.id} cannot be undone: {why}")
    ended = store.processes.now_ms() if row.ended_at is None or row.why == LOST else clock.to_ms(row.ended_at)
    verb = make(before, (clock.to_ms(row.began_at), ended))
    queues = tuple(dict.fromkeys(ref.queue for ref in before))
    selection = Selection(queues, Filter(), f"operation {row.id}", states=STATES)
    return verb, planning.listed(selection, _unmoved(store, row.id, verb), exact=True)


def _unmoved(store: Store, name: str, verb: Verb) -> Iterator[Found]:
    """The jobs to which nothing has happened since."""
    seen: set[JobRef] = set()
    for queue, jobs in store.operations.changed(name):
        for job in store.jobs.locate(queue, [job_id for job_id, _ in jobs]):
            if job.ref not in seen and verb.judge(job) is None:
                seen.add(job.ref)
                yield job


def _moved(job: Found) -> Tried:
    said = f"job {job.id} {BY_NAME[job.state].does}: something has happened to it since"
    return Tried(job.ref, said, error=NothingMatched(said, f"jobctl job show {job.id}"))


def _untrash(_before: Before, span: Span) -> Verb:
    """Jobs that are in the trash still come back from it."""

    def judge(job: Found) -> Tried | None:
        fresh = job.state == "discarded" and float(job.detail) <= span[1] + TRASH_MS
        return None if fresh else _moved(job)

    return _verb("is back from the trash", judge, lambda store, queue, jobs: store.dead.restore(queue, jobs))


def _unretry(_before: Before, span: Span) -> Verb:
    """Jobs that have not run since are dead again."""

    def judge(job: Found) -> Tried | None:
        live = not BY_NAME[job.state].ended and job.state != "running"
        same = job.record.is_of_death and (job.record.finished or 0) <= span[0]
        return None if live and same else _moved(job)

    return _verb("is dead again", judge, lambda store, queue, jobs: store.dead.rebury(queue, jobs))


def _uncancel(before: Before, span: Span) -> Verb:
    """Jobs that are cancelled still wait again, or for their time."""

    def judge(job: Found) -> Tried | None:
        return None if job.state == "cancelled" and float(job.detail) <= span[1] else _moved(job)

    def change(store: Store, queue: str, jobs: list[Found]) -> list[bool]:
        return store.jobs.uncancel(queue, [(job.id, before.get(job.ref, "")) for job in jobs], span[1])

    return _verb("waits again", judge, change)


def _verb(
    outcome: str, judge: Callable[[Found], Tried | None], change: Callable[[Store, str, list[Found]], list[bool]]
) -> Verb:
    return Verb(
        name="op undo",
        does="take back the change of",
        done="took back the change of",
        outcome=outcome,
        states=STATES,
        judge=judge,
        change=change,
        none="there is nothing left to take back",
        nothing="its jobs have run, or were changed since",
    )


_KINDS: Mapping[str, Callable[[Before, Span], Verb]] = {
    "dead discard": _untrash,
    "queue empty": _untrash,
    "dead retry": _unretry,
    "job retry": _unretry,
    "job cancel": _uncancel,
}
