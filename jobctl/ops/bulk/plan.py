"""What a change would do: how many jobs, of which queues, types and errors; and which, where they had to be read."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError
from jobctl.ops import dead
from jobctl.ops.bulk.selection import Selection, matching, named
from jobctl.ops.filters.subjects import select
from jobctl.store.data.ids import minted_at
from jobctl.store.data.plans import MAX_SAMPLES, Plan, PlanRow, Sample
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns.audit import plain
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

SAMPLE = 10
"""As many jobs are previewed one by one; of more, the parts are, and MAX_SAMPLES jobs as examples."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan. `ids` are the jobs by queue, as they were when it was made; None if the change goes by the indexes.

    `samples` are some of the jobs: all of them (`few`) or MAX_SAMPLES. `errors` are of ids that mean no job, and of
    jobs that hide what was asked for. `whole`: all that there is in the queues is meant.
    `made_ms`: when the jobs were looked at first (Redis's clock); those that end later are not meant.
    """

    selection: Selection
    parts: tuple[PlanRow, ...]
    ids: Mapping[str, Sequence[str]] | None = None
    samples: tuple[Sample, ...] = ()
    errors: tuple[JobctlError, ...] = ()
    whole: bool = False
    made_ms: int | None = None

    @property
    def matched(self) -> int:
        return sum(part.count for part in self.parts)

    @property
    def few(self) -> bool:
        """Whether `samples` are all that there is."""
        return len(self.samples) == self.matched

    @property
    def record(self) -> Plan:
        """The machine format."""
        return Plan(matched=self.matched, parts=self.parts, samples=self.samples[:MAX_SAMPLES])


def plan(
    store: Store, selection: Selection, *, by_index: bool = False, freeze: Callable[[Found], None] | None = None
) -> Planned:
    """What a change would touch: what matches later is not touched. With `by_index`, groups of dead letters may do;
    `freeze` is given each job as it is now.

    Raises Ambiguous as `selection.named` does.
    """
    if by_index and selection.by_index and freeze is None:
        return _by_groups(store, selection)
    made_ms = store.processes.now_ms()
    errors: list[JobctlError] = []
    found: Iterable[Found]
    if selection.by_name:
        found, errors = named(store, selection)
    else:
        found = matching(store, selection)
    return replace(listed(selection, _limited(found, selection), tuple(errors), freeze=freeze), made_ms=made_ms)


def _by_groups(store: Store, selection: Selection) -> Planned:
    """The groups of dead letters, closed at this moment."""
    wanted = selection.filter
    if wanted.span[1] is None:
        wanted = wanted.until(store.processes.now_ms() + 1)
    closed = replace(selection, filter=wanted)
    rows = [
        PlanRow(queue=row.queue, state="dead", type=row.type, group=row.group, error=row.error, count=row.count)
        for row in dead.groups(store, closed)
    ]
    return Planned(closed, tuple(rows), samples=_examples(store, closed, rows), whole=selection.everything)


def _examples(store: Store, selection: Selection, rows: Sequence[PlanRow]) -> tuple[Sample, ...]:
    """The latest dead letter of each of the largest groups."""
    largest = [(row.queue, row.group or "") for row in rows[:MAX_SAMPLES]]
    latest = [job_id for _, job_id in store.dead.histories(largest, [0])]
    found = [
        job for (queue, _), job_id in zip(largest, latest, strict=True) if job_id
        for job in store.jobs.locate(queue, [job_id])
    ]  # fmt: skip
    return tuple(_sample(job) for job, _ in select(store, selection.filter, found) if job.state == "dead")


def _sample(job: Found) -> Sample:
    seen = to_job(job)
    died = BY_NAME[job.state].died
    return Sample(
        id=plain(job.id),
        queue=job.queue,
        state=job.state,
        type=seen.type,
        label=seen.label,
        message=(seen.message or seen.error) if died else None,
    )


def _limited(found: Iterable[Found], selection: Selection) -> Iterable[Found]:
    """The first of them, by when they ended or, if they have not, were enqueued."""
    if selection.limit is None:
        return found
    pick = heapq.nlargest if selection.newest else heapq.nsmallest
    return pick(selection.limit, found, key=_age)


def _age(job: Found) -> tuple[float, str]:
    """When a job ended or, if it has not, was enqueued."""
    if BY_NAME[job.state].ended:
        return float(job.detail), job.id
    at = minted_at(job.id)
    enqueued = None if at is not None else to_job(job).enqueued_at
    return float(at or 0) if enqueued is None else enqueued.timestamp() * 1000, job.id


def listed(
    selection: Selection,
    found: Iterable[Found],
    errors: tuple[JobctlError, ...] = (),
    *,
    freeze: Callable[[Found], None] | None = None,
    exact: bool = False,
) -> Planned:
    """The plan for these jobs. `exact`: it is of them alone, although the selection names no filter."""
    ids: dict[str, list[str]] = {}
    parts: Counter[tuple[str, str, str, str | None, str | None]] = Counter()
    samples: list[Sample] = []
    for job in found:
        ids.setdefault(job.queue, []).append(job.id)
        seen = to_job(job)
        why = (job.record.group, seen.error) if BY_NAME[job.state].died else (None, None)
        parts[job.queue, job.state, seen.type, *why] += 1
        if len(samples) <= SAMPLE:
            samples.append(_sample(job))
        if freeze is not None:
            freeze(job)
    rows = [
        PlanRow(queue=queue, state=state, type=job_type, group=group, error=error, count=count)
        for (queue, state, job_type, group, error), count in parts.most_common()
    ]
    some = tuple(samples) if len(samples) <= SAMPLE else tuple(samples[:MAX_SAMPLES])
    errors += tuple(selection.filter.refusals())
    return Planned(selection, tuple(rows), ids, some, errors, whole=not exact and selection.everything)
