"""A first look at many jobs: only as much of each is read as tells that a filter does not want it, or how to count it.
Most of a long list is sorted out here, at a tenth of what reading it whole costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.match import UNREAD, Subject
from jobctl.redaction import OPTION
from jobctl.store.data import codec
from jobctl.store.nouns import pieces

if TYPE_CHECKING:
    from jobctl.store import Store

TELLS = frozenset({"job", "args", "error"})
"""Keys of filters for which a look is worth it."""
ENOUGH = TELLS | {"queue", "state"}
"""Keys of which a look tells all."""


class Look(NamedTuple):
    """What a look tells. No subject: the job has to be read whole. It hides something, or is not there any more."""

    id: str
    subject: Subject | None


def looks(store: Store, queue: str, state: str, ids: Sequence[str], *, errors: bool) -> Iterator[Look]:
    """Looks at jobs that a queue keeps in a state; `errors` says whether errors are asked for."""
    bodies = pieces.bodies(store, queue, ids, state)
    records = pieces.records(store, queue, ids) if errors else [b""] * len(ids)
    seen_as = UNREAD if state == "running" else state  # what was fetched ahead waits
    rules = _Rules(store)
    for job_id, data, raw in zip(ids, bodies, records, strict=True):
        try:
            body = codec.decode_body(data)
        except ValueError:
            yield Look(job_id, None)
            continue
        if rules[body.actor_name] or OPTION in body.options:
            yield Look(job_id, None)
            continue
        record = codec.decode_record(raw) if raw else None
        yield Look(
            job_id,
            Subject(
                queue=queue,
                type=body.actor_name,
                state=seen_as,
                payload=body.payload,
                error=(record and record.error) if errors else UNREAD,
                message=(record and record.message) if errors else UNREAD,
            ),
        )


def may_match(store: Store, queue: str, state: str, pages: Iterable[list[str]], wanted: Filter) -> Iterator[list[str]]:
    """Pages of ids, without those that cannot match."""
    if not wanted.keys & TELLS:
        yield from pages
        return
    errors = "error" in wanted.keys
    for page in pages:
        found = looks(store, queue, state, page, errors=errors)
        yield [one.id for one in found if one.subject is None or wanted.judge(one.subject) is not False]


def counted(
    store: Store,
    queue: str,
    state: str,
    pages: Iterable[list[str]],
    wanted: Filter,
    add: Callable[[Subject], None],
    passed: Callable[[int], None],
    seen: set[str] | None = None,
) -> Iterator[list[str]]:
    """Look at jobs, hand those that match to `add`, and say of each page how many they were. Yields the ids of those
    that have to be read whole. Those in `seen` were counted before, and others get into it."""
    errors, plain = "error" in wanted.keys, wanted.keys <= {"job", "queue", "state"}
    known: dict[str, bool | None] = {}
    for page in pages:
        whole: list[str] = []
        for job_id, subject in looks(store, queue, state, page, errors=errors):
            if seen is not None and job_id in seen:
                continue
            if subject is None:
                whole.append(job_id)
                continue
            if not plain:
                fits = wanted.judge(subject)
            elif subject.type in known:
                fits = known[subject.type]
            else:
                fits = known[subject.type] = wanted.judge(subject)
            if fits:
                add(subject)
                if seen is not None:
                    seen.add(job_id)
            elif fits is None:
                whole.append(job_id)
        passed(len(page))
        if whole:
            yield whole


class _Rules(dict[str, tuple[str, ...]]):
    """What the catalog hides of types, each asked for once."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._rules = store.rules

    def __missing__(self, job_type: str) -> tuple[str, ...]:
        found = self[job_type] = self._rules(job_type)
        return found
