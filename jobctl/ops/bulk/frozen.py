"""A plan in a file: exactly which jobs are to be changed, each with the state that it was in.

The first line says what is to be done, and to how many jobs; each of the others is one of these jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.ops.bulk import plan as planning
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.run import BATCH
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.bulk.verb import Verb
from jobctl.ops.filters.filter import Filter
from jobctl.store.data import ids
from jobctl.store.data.states import BY_NAME

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

FORMAT = 1


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    jobctl_plan: int
    namespace: str
    action: str
    options: Mapping[str, str | int | float | bool]
    target: str
    at: str
    jobs: int


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A job as it was. `since` (epoch ms) is when it ended, 0 if it had not."""

    queue: str
    id: str
    state: str
    since: int


_head, _job = msgspec.json.Decoder(Head), msgspec.json.Decoder(Job)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a file says."""

    head: Head
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Still:
    """A frozen plan beside what is there now: the jobs that are as they were, and in which states the others are."""

    planned: Planned
    moved: Mapping[str, int]


def of(job: Found) -> Job:
    """A job as a plan keeps it."""
    return Job(_text(job.queue), _text(job.id), job.state, _since(job))


def _since(job: Found) -> int:
    return round(float(job.detail)) if BY_NAME[job.state].ended else 0


def _text(name: str) -> str:
    """Ids that are not UTF-8 have no place in a file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageError("a job's id is not UTF-8, so no file can hold it", "leave it out with NOT id:…") from None
    return name


def write(path: Path, store: Store, verb: Verb, selection: Selection, jobs: Sequence[Job]) -> None:
    """Write a plan. Raises UsageError where the file is there already, or cannot be written."""
    head = Head(
        jobctl_plan=FORMAT,
        namespace=store.namespace,
        action=verb.name,
        options=dict(verb.options),
        target=selection.words,
        at=clock.stamp(clock.now_ms()),
        jobs=len(jobs),
    )
    try:
        with path.open("xb") as file:
            file.writelines(msgspec.json.encode(line) + b"\n" for line in (head, *jobs))
    except FileExistsError:
        raise UsageError(f"{path} is there already", "choose another file, or remove it first") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def read(path: Path) -> Frozen:
    """Read a plan. Raises UsageError for a file that is none, or not all of one."""
    try:
        with path.open("rb") as file:
            head = _decoded(_head, file.readline(), path, 1)
            jobs = tuple(_decoded(_job, line, path, number) for number, line in enumerate(file, 2))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if head.jobctl_plan != FORMAT:
        raise UsageError(f"{path} is of a newer jobctl", "apply it with that version")
    if len(jobs) != head.jobs:
        raise UsageError(f"{path} has {len(jobs):,} jobs of {head.jobs:,}: it is not complete", "plan again")
    return Frozen(head, jobs)


def _decoded(decoder: Any, line: bytes, path: Path, number: int) -> Any:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        what = "is not a plan" if number == 1 else f"is damaged in line {number}"
        raise UsageError(
            f"{path} {what}", "plans are written by `--plan FILE` of a command that changes jobs"
        ) from None


def still(store: Store, frozen: Frozen, verb: Verb) -> Still:
    """Compare a plan with what is there now. Raises UsageError if it is of another namespace."""
    head = frozen.head
    if head.namespace != store.namespace:
        raise UsageError(f"this is a plan for namespace {head.namespace}, not {store.namespace}")
    moved: Counter[str] = Counter()
    queues = tuple(dict.fromkeys(job.queue for job in frozen.jobs))
    selection = Selection(queues, Filter(), head.target, states=verb.states)
    made_ms = store.processes.now_ms()
    planned = planning.listed(selection, _unmoved(store, frozen.jobs, moved), exact=True)
    return Still(replace(planned, made_ms=made_ms), dict(sorted(moved.items())))


def _unmoved(store: Store, jobs: Sequence[Job], moved: Counter[str]) -> Iterator[Found]:
    """The jobs that are as they were; the states of the others are counted."""
    by_queue: dict[str, list[Job]] = {}
    for job in jobs:
        by_queue.setdefault(job.queue, []).append(job)
    for queue, members in by_queue.items():
        for start in range(0, len(members), BATCH):
            asked = {job.id: job for job in members[start : start + BATCH]}
            found = {job.id: job for job in store.jobs.locate(queue, list(asked))}
            for job_id, was in asked.items():
                now = found.get(ids.read(job_id.encode()))
                if now is None:
                    moved["gone"] += 1
                elif of(now) != was:
                    moved[now.state if now.state != was.state else f"{now.state} again"] += 1
                else:
                    yield now
