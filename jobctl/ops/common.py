"""What the dead letters of a group have in common, and the jobs of the type that completed do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.ops.filters.match import UNREAD
from jobctl.ops.filters.subjects import batches, of_job
from jobctl.ops.groups import GroupRow
from jobctl.redaction import is_hidden
from jobctl.store.data.indexed import as_text
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

SAMPLE = 500
"""Jobs of each side that are compared: the latest."""
LOOKED_AT = 5_000
"""Completed jobs of the queue among which those of the type are looked for."""
MOST = 10
SHARED, APART = 0.5, 0.25
"""What at least so much of the dead share is told if so much less of the others have it."""
MAX_VALUE = 80
DEPTH = 3


class Trait(msgspec.Struct, frozen=True, kw_only=True):
    """A value that dead letters share.

    `what`: `args.KEY`, host (of the last attempt) or hour (in which the first attempt began). Shares are between 0 and
    1; `others` is None if there is nothing to compare with.
    """

    what: str
    value: str
    dead: float
    others: float | None


class GroupDetail(GroupRow, frozen=True, kw_only=True):
    """A group in full. `dead` and `others` say how many dead letters, and completed jobs of the type, were compared;
    `hosts` where the dead letters last ran, the most frequent first."""

    dead: int
    others: int
    hosts: tuple[str, ...]
    common: tuple[Trait, ...]


def compared(store: Store, row: GroupRow) -> GroupDetail:
    """The group with what its dead letters have in common. Values that are hidden are not looked at."""
    dead = _traits(store, islice(_flat(store.dead.scan(row.queue, group=row.group)), SAMPLE))
    looked_at = islice(_flat(store.jobs.scan(row.queue, "completed")), LOOKED_AT)
    alike = (job for job in looked_at if job.state == "completed" and to_job(job).type == row.type)
    others = _traits(store, islice(alike, SAMPLE))
    hosts = [value for (what, value), _ in dead.counts.most_common() if what == "host"]
    return GroupDetail(
        **msgspec.structs.asdict(row),
        dead=dead.jobs,
        others=others.jobs,
        hosts=tuple(hosts[:MOST]),
        common=tuple(islice(_told(dead, others), MOST)),
    )


class _Traits(msgspec.Struct):
    """How many of some jobs have each value."""

    jobs: int = 0
    counts: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)

    def share(self, trait: tuple[str, str]) -> float | None:
        return round(self.counts[trait] / self.jobs, 3) if self.jobs else None


def _told(dead: _Traits, others: _Traits) -> Iterator[Trait]:
    """What tells the dead from the others, the clearest first."""
    found = []
    for what, value in dead.counts:
        share, other = dead.share((what, value)) or 0.0, others.share((what, value))
        if share >= SHARED and share - (other or 0.0) >= APART:
            found.append(Trait(what=what, value=value, dead=share, others=other))
    yield from sorted(found, key=lambda trait: ((trait.others or 0.0) - trait.dead, trait.what, trait.value))


def _flat(pages: Iterable[list[Found]]) -> Iterator[Found]:
    return chain.from_iterable(pages)


def _traits(store: Store, jobs: Iterable[Found]) -> _Traits:
    out = _Traits()
    for batch in batches(jobs):
        for job in store.jobs.details(batch[0].queue, batch):
            out.jobs += 1
            out.counts.update(set(_of(job)))
    return out


def _of(found: Found) -> Iterator[tuple[str, str]]:
    job = to_job(found)
    subject = of_job(found, job)
    if isinstance(job.payload, Mapping):
        yield from _values("args", job.payload, DEPTH)
    if subject.host not in (UNREAD, None):
        yield "host", subject.host
    if job.started_at is not None:
        yield "hour", f"{job.started_at:%Y-%m-%dT%H:00Z}"


def _values(path: str, payload: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    """The scalars of a payload, by their paths."""
    for key, value in payload.items():
        if is_hidden(value):
            continue
        if isinstance(value, Mapping):
            if depth > 1:
                yield from _values(f"{path}.{key}", value, depth - 1)
        elif not isinstance(value, list | tuple) and len(text := as_text(value)) <= MAX_VALUE:
            yield f"{path}.{key}", text
