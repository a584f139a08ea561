"""Dead letters counted by a value of their payload from the index of it alone: none is read but two for each value, to
say what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobctl.ops.counting import MOST, Counted
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.tree import conjuncts, terms
from jobctl.store.data import codec
from jobctl.store.data.indexed import ABSENT, as_text, dig, name_of
from jobctl.store.nouns import pieces
from jobctl.store.nouns.shown import to_job
from jobctl.store.nouns.untaken import untaken

if TYPE_CHECKING:
    from jobctl.store import Store

FEW = 500
"""Jobs without entries that are looked at; with more, all are read."""
_SERVED = {"job", "queue", "state"}


def serves(wanted: Filter) -> bool:
    """Whether a filter asks for whole types, and for nothing else."""
    asked = {term.kind for part in conjuncts(wanted.node) for term in terms(part)}
    return wanted.types is not None and asked <= _SERVED and terms_are_plain(wanted)


def terms_are_plain(wanted: Filter) -> bool:
    """Whether nothing of a filter is reversed."""
    return len(list(terms(wanted.node))) == len(list(terms(wanted.node, positive=True)))


def count(store: Store, queues: Sequence[str], wanted: Filter, path: str, dead: Mapping[str, int]) -> Counted | None:
    """Dead letters of the types of a filter by their values. `dead` are how many of each type there are. None if no
    index tells."""
    types = wanted.types or ()
    if not serves(wanted) or store.indexes.hides(types, path):
        return None
    counted, known = Counted(f"args.{path}"), 0
    for job_type in types:
        queue = next((one for one in queues if name_of(job_type, path) in store.indexes.names(one)), None)
        if queue is None or not wanted.possible(queue=queue, type=job_type, state="dead"):
            return None
        found = _of_type(store, queue, job_type, path, counted)
        if found is None:
            return None
        known += found
    if none := sum(dead.get(one, 0) for one in types) - known:
        counted.add(None, none)
    return counted


def _of_type(store: Store, queue: str, job_type: str, path: str, counted: Counted) -> int | None:
    """Add the values of a type; how many letters have one."""
    name = name_of(job_type, path)
    later = _untaken(store, queue, job_type, name, path)
    tally = store.indexes.tally(queue, name, MOST)
    if later is None or tally is None:
        return None
    values = _values(store, queue, name, path, list(tally.counts))
    if values is None:
        return None
    for digest, number in tally.counts.items():
        counted.add(values[digest], number)
    for value in later:
        counted.add(value)
    counted.more += tally.total - sum(tally.counts.values())
    return tally.total + len(later)


def _untaken(store: Store, queue: str, job_type: str, name: str, path: str) -> list[str] | None:
    """The values of dead letters that the index does not have yet."""
    waiting = untaken(store, queue)
    if waiting is None or len(waiting) > FEW:
        return None
    found = [job for job in store.jobs.locate(queue, waiting) if job.state == "dead" and to_job(job).type == job_type]
    scores = store.indexes.scores(queue, name, [job.id for job in found]) if found else []
    missing = [dig(to_job(job).payload, path) for job, score in zip(found, scores, strict=True) if score is None]
    return [as_text(value) for value in missing if value is not ABSENT and not isinstance(value, list | dict)]


def _values(store: Store, queue: str, name: str, path: str, digests: Sequence[str]) -> dict[str, str] | None:
    """What the digests stand for, by two of the jobs that have each; None if these differ, or there are none."""
    holders = store.indexes.holders(queue, name, digests)
    asked = [(one, job_id) for one, some in holders.items() for job_id in some]
    found: dict[str, set[str]] = {one: set() for one in digests}
    for at in range(0, len(asked), 1_000):
        some = asked[at : at + 1_000]
        bodies = pieces.bodies(store, queue, [job_id for _, job_id in some])
        for (one, _), body in zip(some, bodies, strict=True):
            found[one].add(_value(body, path))
    if any(len(values) != 1 for values in found.values()):
        return None
    return {one: values.pop() for one, values in found.items()}


def _value(body: bytes, path: str) -> str:
    try:
        return as_text(dig(codec.decode_body(body).payload, path))
    except (ValueError, TypeError):
        return ""
