"""The verbs of `jobctl job`: cancel, retry, promote, rm, priority, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobctl import clock
from jobctl.errors import NothingMatched, Refused, WaitTimeout
from jobctl.ops import waiting
from jobctl.ops.bulk.revive import revived, unreadable
from jobctl.ops.bulk.verb import Tried, Verb, any_job
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import Event
from jobctl.store.data.states import BY_NAME, STATES, allowing
from jobctl.store.data.stats import plain
from jobctl.store.nouns import events
from jobctl.store.nouns.shown import to_job

_DEAF = "it is in a call that cannot be interrupted, caught the exception, or is a command, which has 5 s to end"


def retry() -> Verb:
    """Dead or cancelled jobs wait again, with a fresh budget of retries; held back ones run now."""

    def judge(job: Found) -> Tried | None:
        return _judge(job, "retry") or (unreadable(job) if job.state == "dead" else None)

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        ended = [job for job in batch if BY_NAME[job.state].ended]
        held = [job.id for job in batch if not BY_NAME[job.state].ended]
        done = dict(zip([job.id for job in ended], revived(store, queue, ended), strict=True))
        done |= _promoted(store, queue, held) if held else {}
        return [done[job.id] for job in batch]

    return Verb(
        name="job retry",
        does="retry",
        done="retried",
        outcome="waits again",
        states=allowing("retry"),
        judge=judge,
        change=change,
        undo=True,
    )


def promote() -> Verb:
    """Delayed and retrying jobs wait for a worker now."""

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        done = _promoted(store, queue, [job.id for job in batch])
        return [done[job.id] for job in batch]

    return Verb(
        name="job promote",
        does="promote",
        done="promoted",
        outcome="waits for a worker now",
        states=allowing("promote"),
        judge=_may("promote"),
        change=change,
    )


def remove() -> Verb:
    """Completed and cancelled jobs are deleted for good."""

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.remove(queue, [job.id for job in batch])

    return Verb(
        name="job rm",
        does="delete",
        done="deleted",
        outcome="is deleted",
        states=allowing("rm"),
        judge=_may("rm"),
        change=change,
    )


def release(*, by_name: bool) -> Verb:
    """Free the unique keys that jobs hold, whatever state they are in. A job that was named and holds none is an error;
    of others, one has to hold one."""

    def none(job: Found) -> Tried:
        said = f"job {job.id} holds no unique key"
        return Tried(job.ref, said, error=NothingMatched(said) if by_name else None)

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.free_keys(queue, [job.id for job in batch])

    return Verb(
        name="job release",
        does="free the unique keys of",
        done="freed the unique keys of",
        outcome="no longer holds its unique key",
        states=STATES,
        judge=any_job,
        change=change,
        undone=none,
        needed="" if by_name else "none of these jobs holds a unique key",
        options={"by_name": by_name},
    )


def prioritise(priority: int) -> Verb:
    """Give jobs that have not started, or wait for a retry, another priority."""

    def judge(job: Found) -> Tried | None:
        if answer := _judge(job, "priority"):
            return answer
        same = f"job {job.id} already has priority {priority}"
        return Tried(job.ref, same) if job.priority == priority else None

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.reprioritise(queue, [job.id for job in batch], priority)

    return Verb(
        name="job priority",
        does=f"give priority {priority} to",
        done=f"gave priority {priority} to",
        outcome=f"has priority {priority}",
        states=allowing("priority"),
        judge=judge,
        change=change,
        detail=f"priority {priority}",
        options={"priority": priority},
    )


def cancel(*, timeout_s: float) -> Verb:
    """Jobs that do not run are cancelled at once; running ones are asked to stop, and waited for.

    `timeout_s` bounds the wait for all of them together; 0 does not wait.
    """
    asked: list[JobRef] = []

    def change(store: Store, queue: str, batch: list[Found]) -> list[bool]:
        states = store.jobs.cancel(queue, [cancelled(job) for job in batch], running=True)
        asked.extend(job.ref for job, state in zip(batch, states, strict=True) if state == "running")
        return [state != "ended" for state in states]

    return Verb(
        name="job cancel",
        does="cancel",
        done="cancelled",
        outcome="is cancelled",
        states=allowing("cancel"),
        judge=_may("cancel"),
        change=change,
        after=lambda store: _await_stop(store, asked, timeout_s),
        options={"timeout_s": timeout_s},
        undo=True,
    )


def _await_stop(store: Store, asked: Sequence[JobRef], timeout_s: float) -> list[Tried]:
    """What became of the running jobs that were asked to stop."""
    if timeout_s <= 0:
        return [Tried(ref, f"job {ref.id} was asked to stop", changed=True) for ref in asked]
    over = set(waiting.ended(store, asked, timeout_s)) if asked else set()
    return [_stopped(store, ref) if ref in over else _still_runs(ref, timeout_s) for ref in asked]


def _still_runs(ref: JobRef, timeout_s: float) -> Tried:
    late = f"job {ref.id} was asked to stop and still runs after {timeout_s:g} s: {_DEAF}"
    return Tried(ref, late, error=WaitTimeout(late, f"jobctl job wait {ref.id}"))


def _stopped(store: Store, ref: JobRef) -> Tried:
    found = store.jobs.find(ref.id, [ref.queue])
    if found is None or found.state == "cancelled":
        return Tried(ref, f"job {ref.id} is cancelled", changed=True)
    late = f"job {ref.id} is {found.state}: it ended before it could be stopped"
    return Tried(ref, late, error=NothingMatched(late))


def _promoted(store: Store, queue: str, ids: Sequence[str]) -> dict[str, bool]:
    """Promote jobs; those that continued by themselves meanwhile count too."""
    done = dict(zip(ids, store.jobs.promote(queue, ids), strict=True))
    located = store.jobs.locate(queue, [job_id for job_id, promoted in done.items() if not promoted])
    states = {found.id: BY_NAME[found.state] for found in located}
    return done | {i: not state.ended and "promote" not in state.allows for i, state in states.items()}


def cancelled(job: Found) -> tuple[str, bytes, str]:
    """What `Jobs.cancel` is told of a job."""
    seen = to_job(job)
    event = Event(
        at=clock.to_datetime(clock.now_ms()),
        event="cancelled",
        id=job.id,
        type=seen.type,
        queue=job.queue,
        label=seen.label,
        attempt=seen.attempt_count,
    )
    return job.id, events.encode(event), plain(seen.type)


_LEFT = {"cancel": "to cancel", "promote": "to promote", "priority": "to reorder"}
"""What there is nothing left of, when a verb's answer is "nothing"."""


def _may(verb: str) -> Callable[[Found], Tried | None]:
    """The step that judges a job by its state alone."""
    return lambda job: _judge(job, verb)


def _judge(job: Found, verb: str) -> Tried | None:
    state = BY_NAME[job.state]
    if verb in state.allows:
        return None
    seen = BY_NAME[job.seen_as]
    answer = seen.answers.get(verb) or state.answers[verb]
    does = seen.does if verb in seen.answers else "was fetched by a worker, which starts it next"
    hint = answer.hint.format(id=job.id)
    said = f"job {job.id} {answer.text or does}"
    match answer.kind:
        case "already":
            return Tried(job.ref, said if answer.text else f"{said} already")
        case "nothing":
            said = f"{said}: nothing {_LEFT[verb]}"
            return Tried(job.ref, said, error=NothingMatched(said, hint))
    return Tried(job.ref, said, error=Refused(said, hint))
