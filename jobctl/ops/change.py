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
from jobctl.store.data.records import BulkResult, Event
from jobctl.store.nouns import events
from jobctl.store.nouns.jobs import to_job

BATCH = 200
_DEAF = "it is in a call that nothing interrupts, caught the exception, or is a command, which has 5 s to end"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one job. `error` says why it was not changed; without one, `changed` tells "done" from
    "was so already". `text` is the sentence for a person."""

    id: str
    text: str
    changed: bool = False
    error: JobctlError | None = None


Step = Callable[[Found], "Tried | None"]
"""Judges one job: what to say of it at once, or None if it is to be changed."""


def summary(tried: Sequence[Tried]) -> BulkResult:
    """The counts. Skipped: was so already, or its state does not allow it; failed: everything else."""
    changed = sum(t.changed for t in tried)
    failed = sum(t.error is not None and not isinstance(t.error, Refused | NothingMatched) for t in tried)
    return BulkResult(len(tried), changed, len(tried) - changed - failed, failed)


def retry(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Dead or cancelled jobs wait again, with a fresh budget of retries; held back ones run now."""

    def judge(job: Found) -> Tried | None:
        match job.state:
            case "dead" | "cancelled" | "retrying" | "delayed":
                return None
            case "waiting":
                return _already(job, "is waiting already")
            case "limited":
                return _already(job, "waits already, for its turn under a limit")
            case "completed":
                return _refused(job, "has completed", "enqueue it again for another run")
            case "discarded":
                return _refused(job, "lies in the trash", "bring it back with `jobctl dead restore`")
        return _refused(job, f"is {job.state}", "it can be retried when it has failed")

    def change(queue: str, batch: list[Found]) -> list[bool]:
        ended = [job for job in batch if job.state in ("dead", "cancelled")]
        held = [job.id for job in batch if job.state in ("retrying", "delayed")]
        pairs = [(job.id, (job.record.group or "") if job.state == "dead" else "") for job in ended]
        done = dict(zip([job.id for job in ended], store.jobs.revive(queue, pairs), strict=True)) if pairs else {}
        done |= _promoted(store, queue, held)
        return [done[job.id] for job in batch]

    return _apply(store, jobs, "job retry", judge, change, "waits again")


def promote(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Delayed and retrying jobs wait for a worker now."""

    def judge(job: Found) -> Tried | None:
        if job.state in ("delayed", "retrying"):
            return None
        if job.state in ("waiting", "running"):
            return _already(job, f"is {job.state} already")
        if job.state == "limited":
            return _refused(job, "is held by a limit, which holds for all", f"`jobctl job show {job.id}` says by which")
        return _over(job, "to promote", "bring it back with `jobctl job retry`" if job.state != "completed" else "")

    def change(queue: str, batch: list[Found]) -> list[bool]:
        done = _promoted(store, queue, [job.id for job in batch])
        return [done[job.id] for job in batch]

    return _apply(store, jobs, "job promote", judge, change, "waits for a worker now")


def remove(store: Store, jobs: Sequence[Found]) -> list[Tried]:
    """Completed and cancelled jobs are deleted for good."""

    def judge(job: Found) -> Tried | None:
        match job.state:
            case "completed" | "cancelled":
                return None
            case "dead":
                return _refused(job, "is dead", "move it to the trash with `jobctl dead discard`")
            case "discarded":
                return _refused(job, "lies in the trash", "it expires there by itself")
        return _refused(job, f"is {job.state}", "cancel it first")

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return [store.jobs.remove(queue, [job.id]) == 1 for job in batch]

    return _apply(store, jobs, "job rm", judge, change, "is deleted")


def release(store: Store, jobs: Sequence[Found], *, all_of_them: bool) -> list[Tried]:
    """Free the unique keys that jobs hold, whatever state they are in.

    A job that holds none is an error if `all_of_them` should; else it is one only if no job does: NothingMatched.
    """

    def none(job: Found) -> Tried:
        said = f"job {job.id} holds no unique key"
        return Tried(job.id, said, error=NothingMatched(said) if all_of_them else None)

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.free_keys(queue, [job.id for job in batch])

    tried = _apply(store, jobs, "job release", lambda _: None, change, "has given up its unique key", none)
    if not all_of_them and not any(one.changed for one in tried):
        raise NothingMatched("none of these jobs holds a unique key")
    return tried


def prioritise(store: Store, jobs: Sequence[Found], priority: int) -> list[Tried]:
    """Give jobs that have not started, or wait for a retry, another priority."""

    def judge(job: Found) -> Tried | None:
        if job.state in ("running", "completed"):
            return _over(job, "to put in front of others or behind", "")
        if job.state in ("cancelled", "dead", "discarded"):
            return _over(job, "to put in front of others or behind", "bring it back first")
        return None if job.priority != priority else _already(job, f"has the priority {priority} already")

    def change(queue: str, batch: list[Found]) -> list[bool]:
        return store.jobs.reprioritise(queue, [job.id for job in batch], priority)

    done = f"has the priority {priority}"
    return _apply(store, jobs, "job priority", judge, change, done, detail=f"priority {priority}")


def cancel(store: Store, jobs: Sequence[Found], *, timeout_s: float) -> list[Tried]:
    """Jobs that do not run are cancelled at once; running ones are asked to stop, and waited for.

    `timeout_s` bounds the wait for all of them together; 0 does not wait.
    """

    def judge(job: Found) -> Tried | None:
        if job.state == "cancelled":
            return _already(job, "is cancelled already")
        if job.state in ("completed", "dead", "discarded"):
            return _over(job, "to cancel", "discard it with `jobctl dead discard`" if job.state == "dead" else "")
        return None

    asked: dict[str, str] = {}

    def change(queue: str, batch: list[Found]) -> list[bool]:
        states = store.jobs.cancel(queue, [(job.id, _cancelled(job)) for job in batch], running=True)
        asked.update((job.id, queue) for job, state in zip(batch, states, strict=True) if state == "running")
        return [state != "ended" for state in states]

    tried = _apply(store, jobs, "job cancel", judge, change, "is cancelled")
    return _await_stop(store, tried, asked, timeout_s) if asked else tried


def _await_stop(store: Store, tried: list[Tried], asked: dict[str, str], timeout_s: float) -> list[Tried]:
    """What became of the running jobs that were asked to stop."""
    over = set(waiting.ended(store, asked, timeout_s)) if timeout_s > 0 else set()
    out: list[Tried] = []
    for one in tried:
        if one.id not in asked:
            out.append(one)
        elif one.id not in over and timeout_s > 0:
            late = f"job {one.id} was asked to stop and still runs after {timeout_s:g} s: {_DEAF}"
            out.append(Tried(one.id, late, error=WaitTimeout(late, f"jobctl job wait {one.id}")))
        elif timeout_s <= 0:
            out.append(Tried(one.id, f"job {one.id} was asked to stop", changed=True))
        else:
            out.append(_stopped(store, one, asked[one.id]))
    return out


def _stopped(store: Store, one: Tried, queue: str) -> Tried:
    found = store.jobs.find(one.id, [queue])
    if found is None or found.state == "cancelled":
        return one
    late = f"job {one.id} is {found.state}: it ended before it could be stopped"
    return Tried(one.id, late, error=NothingMatched(late))


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
    verdicts = {job.id: judge(job) for job in jobs}
    todo = sorted((job for job in jobs if verdicts[job.id] is None), key=lambda job: job.queue)
    changed: list[str] = []
    for queue, group in groupby(todo, key=lambda job: job.queue):
        members = list(group)
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            for job, done in zip(batch, change(queue, batch), strict=True):
                if done:
                    changed.append(job.id)
                    verdicts[job.id] = Tried(job.id, f"job {job.id} {done_text}", changed=True)
                else:
                    verdicts[job.id] = (undone or _moved)(job)
    if changed:
        store.audit.add(action, " ".join(changed[:10]) + (" …" if len(changed) > 10 else ""), len(changed), detail)
    return [verdict for job in jobs if (verdict := verdicts[job.id]) is not None]


def _promoted(store: Store, queue: str, ids: Sequence[str]) -> dict[str, bool]:
    """Promote together; only when some were not held back any more is each looked at."""
    if not ids:
        return {}
    if store.jobs.promote(queue, ids) == len(ids):
        return dict.fromkeys(ids, True)
    live = {found.id for found in store.jobs.locate(queue, ids) if found.state in ("waiting", "limited", "running")}
    return {job_id: job_id in live for job_id in ids}


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


def _already(job: Found, text: str) -> Tried:
    return Tried(job.id, f"job {job.id} {text}")


def _refused(job: Found, text: str, hint: str) -> Tried:
    said = f"job {job.id} {text}"
    return Tried(job.id, said, error=Refused(said, hint))


def _over(job: Found, what: str, hint: str) -> Tried:
    said = f"job {job.id} is {job.state}: nothing {what}"
    return Tried(job.id, said, error=NothingMatched(said, hint))


def _moved(job: Found) -> Tried:
    said = f"job {job.id} was {job.state} and is not any more"
    return Tried(job.id, said, error=NothingMatched(said, f"jobctl job show {job.id}"))
