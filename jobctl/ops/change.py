"""Changing jobs by hand: cancel, retry, promote, remove. All are tried; each says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from jobctl import clock
from jobctl.errors import JobctlError, NothingMatched, Refused, WaitTimeout
from jobctl.ops import waiting
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import BulkResult, Event
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns import events
from jobctl.store.nouns.shown import to_job

BATCH = 200
_DEAF = "it is in a call that nothing interrupts, caught the exception, or is a command, which has 5 s to end"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one job. `error` says why it was not changed; without one, `changed` tells "done" from
    "was so already". `text` is the sentence for a person."""

    ref: JobRef
    text: str
    changed: bool = False
    error: JobctlError | None = None

    @property
    def id(self) -> str:
        return self.ref.id


Step = Callable[[Found], "Tried | None"]
"""Judges one job: what to say of it at once, or None if it is to be changed."""


def summary(tried: Sequence[Tried]) -> BulkResult:
    """The counts. Skipped: was so already, or its state does not allow it; failed: everything else."""
    changed = sum(t.changed for t in tried)
    failed = sum(t.error is not None and not isinstance(t.error, Refused | NothingMatched) for t in tried)
    return BulkResult(len(tried), changed, len(tried) - changed - failed, failed)


def retry(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Dead or cancelled jobs wait again, with a fresh budget of retries; held back ones run now."""

    def change(queue: str, batch: list[Found]) -> list[bool]:
        ended = [job for job in batch if BY_NAME[job.state].ended]
        held = [job.id for job in batch if not BY_NAME[job.state].ended]
        pairs = [(job.id, (job.record.group or "") if job.state == "dead" else "") for job in ended]
        done = dict(zip([job.id for job in ended], store.jobs.revive(queue, pairs), strict=True)) if pairs else {}
        done |= _promoted(store, queue, held)
        return [done[job.id] for job in batch]

    return _apply(store, jobs, "job retry", _may("retry"), change, "waits again")


def promote(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Delayed and retrying jobs wait for a worker now."""

    def change(queue: str, batch: list[Found]) -> list[bool]:
        done = _promoted(store, queue, [job.id for job in batch])
        return [done[job.id] for job in batch]

    return _apply(store, jobs, "job promote", _may("promote"), change, "waits for a worker now")


def remove(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Completed and cancelled jobs are deleted for good."""

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.remove(queue, [job.id for job in batch])

    return _apply(store, jobs, "job rm", _may("rm"), change, "is deleted")


def release(store: Store, jobs: Sequence[Found], *, all_of_them: bool) -> list[Tried]:
    """Free the unique keys that jobs hold, whatever state they are in.

    A job that holds none is an error if `all_of_them` should; else it is one only if no job does: NothingMatched.
    """

    def none(job: Found) -> Tried:
        said = f"job {job.id} holds no unique key"
        return Tried(job.ref, said, error=NothingMatched(said) if all_of_them else None)

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.free_keys(queue, [job.id for job in batch])

    tried = _apply(store, jobs, "job release", lambda _: None, change, "has given up its unique key", none)
    if not all_of_them and not any(one.changed for one in tried):
        raise NothingMatched("none of these jobs holds a unique key")
    return tried


def prioritise(store: Store, jobs: Sequence[Found], priority: int) -> list[Tried]:
    """Give jobs that have not started, or wait for a retry, another priority."""

    def judge(job: Found) -> Tried | None:
        if answer := _judge(job, "priority"):
            return answer
        same = f"job {job.id} has the priority {priority} already"
        return Tried(job.ref, same) if job.priority == priority else None

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.reprioritise(queue, [job.id for job in batch], priority)

    done = f"has the priority {priority}"
    return _apply(store, jobs, "job priority", judge, change, done, detail=f"priority {priority}")


def cancel(store: Store, jobs: Sequence[Found], *, timeout_s: float) -> list[Tried]:
    """Jobs that do not run are cancelled at once; running ones are asked to stop, and waited for.

    `timeout_s` bounds the wait for all of them together; 0 does not wait.
    """

    asked: set[JobRef] = set()

    def change(queue: str, batch: list[Found]) -> list[bool]:
        states = store.jobs.cancel(queue, [(job.id, _cancelled(job)) for job in batch], running=True)
        asked.update(job.ref for job, state in zip(batch, states, strict=True) if state == "running")
        return [state != "ended" for state in states]

    tried = _apply(store, jobs, "job cancel", _may("cancel"), change, "is cancelled")
    return _await_stop(store, tried, asked, timeout_s) if asked else tried


def _await_stop(store: Store, tried: list[Tried], asked: set[JobRef], timeout_s: float) -> list[Tried]:
    """What became of the running jobs that were asked to stop."""
    over = set(waiting.ended(store, asked, timeout_s)) if timeout_s > 0 else set()
    out: list[Tried] = []
    for one in tried:
        if one.ref not in asked:
            out.append(one)
        elif one.ref not in over and timeout_s > 0:
            late = f"job {one.id} was asked to stop and still runs after {timeout_s:g} s: {_DEAF}"
            out.append(Tried(one.ref, late, error=WaitTimeout(late, f"jobctl job wait {one.id}")))
        elif timeout_s <= 0:
            out.append(Tried(one.ref, f"job {one.id} was asked to stop", changed=True))
        else:
            out.append(_stopped(store, one))
    return out


def _stopped(store: Store, one: Tried) -> Tried:
    found = store.jobs.find(one.id, [one.ref.queue])
    if found is None or found.state == "cancelled":
        return one
    late = f"job {one.id} is {found.state}: it ended before it could be stopped"
    return Tried(one.ref, late, error=NothingMatched(late))


def _apply(
    store: Store,
    jobs: Sequence[Found],
    action: str,
    judge: Step,
    change: Callable[[str, list[Found]], list[bool]],
    done_text: str,
    undone: Callable[[Found], Tried] | None = None,
    detail: str = "",
) -> list[Tried]:
    """Judge every job, change those that may be in batches of one queue, and write it into the audit log.

    `undone` says what is to be told of a job that could not be changed: by default that it has moved on.
    """
    verdicts = {job.ref: judge(job) for job in jobs}
    todo = sorted((job for job in jobs if verdicts[job.ref] is None), key=lambda job: job.queue)
    changed: list[str] = []
    for queue, group in groupby(todo, key=lambda job: job.queue):
        members = list(group)
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            for job, done in zip(batch, change(queue, batch), strict=True):
                if done:
                    changed.append(job.id)
                    verdicts[job.ref] = Tried(job.ref, f"job {job.id} {done_text}", changed=True)
                else:
                    verdicts[job.ref] = (undone or _moved)(job)
    if changed:
        store.audit.add(action, " ".join(changed[:10]) + (" …" if len(changed) > 10 else ""), len(changed), detail)
    return [verdict for job in jobs if (verdict := verdicts[job.ref]) is not None]


def _promoted(store: Store, queue: str, ids: Sequence[str]) -> dict[str, bool]:
    """Promote jobs; those that went on by themselves meanwhile count too."""
    done = dict(zip(ids, store.jobs.promote(queue, ids), strict=True))
    located = store.jobs.locate(queue, [job_id for job_id, promoted in done.items() if not promoted])
    states = {found.id: BY_NAME[found.state] for found in located}
    return done | {i: not state.ended and "promote" not in state.allows for i, state in states.items()}


def _cancelled(job: Found) -> bytes:
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
    return events.encode(event)


_LEFT = {"cancel": "to cancel", "promote": "to promote", "priority": "to put in front of others or behind"}
"""What there is nothing left of, when a verb's answer is "nothing"."""


def _may(verb: str) -> Step:
    """The step that judges a job by its state alone."""
    return lambda job: _judge(job, verb)


def _judge(job: Found, verb: str) -> Tried | None:
    state = BY_NAME[job.state]
    if verb in state.allows:
        return None
    answer = state.answers[verb]
    hint = answer.hint.format(id=job.id)
    said = f"job {job.id} {answer.text or state.does}"
    match answer.kind:
        case "already":
            return Tried(job.ref, said if answer.text else f"{said} already")
        case "nothing":
            said = f"{said}: nothing {_LEFT[verb]}"
            return Tried(job.ref, said, error=NothingMatched(said, hint))
    return Tried(job.ref, said, error=Refused(said, hint))


def _moved(job: Found) -> Tried:
    said = f"job {job.id} was {job.state} and is not any more"
    return Tried(job.ref, said, error=NothingMatched(said, f"jobctl job show {job.id}"))
