"""Taking in jobs that came without entries in indexes: see `untaken`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jobctl.store.data import ids
from jobctl.store.data.indexed import Untaken
from jobctl.store.nouns.indexes import Indexes
from jobctl.store.nouns.jobs import Jobs
from jobctl.store.nouns.untaken import LEFT, PAGE, TAKEN, Known, behind, foreign, of_body, taken
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.data.found import Found
    from jobctl.store.wire.namespace import Namespace


def take_in(store: Namespace, queue: str) -> Iterator[None]:
    """Take in all that came without entries, PAGE jobs a step. Safe to break off, and to do twice at once."""
    indexes, jobs = Indexes(store), Jobs(store)
    if not (known := indexes.by_type(queue)):
        return
    indexes.lose_shown(queue)
    if (goal := _goal(store, queue)) is not None:
        store.run("index_taken", queue, goal, "begin")
        for page in behind(store, queue, taken(store, queue)):
            if own := foreign(page):
                _add(indexes, queue, jobs.locate(queue, own), known)
            yield
        store.run("index_taken", queue, goal, "end")
    for some in _left(store, queue):
        _add(indexes, queue, jobs.locate(queue, some), known, gone=some)
        yield


def _goal(store: Namespace, queue: str) -> bytes | None:
    """The last entry of the list, if it is not known to be taken in."""
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        pipe.lindex(store.keys.ready(queue), -1).get(store.keys.indexed(queue, TAKEN))
        last, known = pipe.execute()
    return None if last == known else last


def _left(store: Namespace, queue: str) -> Iterator[Sequence[str]]:
    """What is left to be taken in."""
    with mapping():
        yield from _pages(store.client.sscan_iter(store.keys.indexed(queue, LEFT), count=PAGE))


def _pages(found: Iterable[bytes]) -> Iterator[list[str]]:
    page: list[str] = []
    for raw in found:
        page.append(ids.read(raw))
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _add(
    indexes: Indexes,
    queue: str,
    found: Sequence[Found],
    known: Mapping[str, Known],
    gone: Sequence[str] = (),
) -> None:
    """Add jobs to their indexes; those of `gone` that are not among them are no longer left to be added."""
    rows = [of_body(job.body, known, job.id) for job in found]
    there = {job.id for job in found}
    indexes.add(queue, [*rows, *(Untaken(job_id, "", ()) for job_id in gone if job_id not in there)])
