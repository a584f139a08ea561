"""Jobs that came without entries in indexes: which they are. Stock producers write none, and push their jobs past all
scripts.

They are in LEFT; or they run, and their ids are not of jobctl's form; or they are in the list of waiting jobs, behind
the entry that TAKEN names (anywhere in it, if that is not there). Until they are taken in, whoever asks an index looks
at them himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from jobctl.store.data import codec, ids
from jobctl.store.data.indexed import Untaken, entries, hidden_entries
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

LEFT, TAKEN, GOAL = "*left", "*taken", "*goal"
"""Beside the names of indexes: see scripts/_index.lua."""
MOST = 20_000
"""Jobs that are looked at for one question; with more, no index serves until they are taken in."""
WALKED = 200_000
"""The same for entries of the list."""
PAGE = 500


class Known(NamedTuple):
    """What is indexed of a job type's payloads: keys, and keys of hidden values, with the secret key for these."""

    paths: list[str]
    hidden: list[str]
    secret: bytes


def keys(store: Namespace, queue: str) -> list[str]:
    """Where all this is kept."""
    return [store.keys.indexed(queue, name) for name in (LEFT, TAKEN, GOAL)]


def untaken(store: Namespace, queue: str) -> list[str] | None:
    """Ids of the jobs of a queue that may be in no index yet; None if they are more than MOST."""
    found, walked = dict[str, None](), 0
    for page in _behind_for_sure(store, queue):
        found.update(dict.fromkeys(foreign(page)))
        walked += len(page)
        if len(found) > MOST or walked > WALKED:
            return None
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        pipe.scard(store.keys.indexed(queue, LEFT)).hkeys(store.keys.running(queue))
        count, running = pipe.execute()
        if len(found) + count > MOST:
            return None
        left = store.client.smembers(store.keys.indexed(queue, LEFT)) if count else ()
    found.update((ids.read(raw), None) for raw in left)
    found.update(dict.fromkeys(foreign(running)))
    return list(found)


def foreign(raw_ids: Iterable[bytes]) -> list[str]:
    """The ids that stock producers may have made: jobctl's own scripts index their jobs, or leave them in LEFT."""
    return [job_id for raw in raw_ids if not ids.MINTED.fullmatch(job_id := ids.read(raw))]


def _behind_for_sure(store: Namespace, queue: str) -> Iterator[list[bytes]]:
    """The same, once more if TAKEN went to the end of the list meanwhile: it is forgotten then."""
    known = taken(store, queue)
    yield from behind(store, queue, known)
    if known is not None and taken(store, queue) is None:
        yield from behind(store, queue, None)


def taken(store: Namespace, queue: str) -> bytes | None:
    """The entry of the list up to which all are taken in."""
    with mapping():
        found: bytes | None = store.client.get(store.keys.indexed(queue, TAKEN))
    return found


def behind(store: Namespace, queue: str, taken: bytes | None) -> Iterator[list[bytes]]:
    """Entries of the list behind the one that is known to be taken in, the last first. Places are counted from its end:
    entries leave at its head."""
    ready, start = store.keys.ready(queue), 0
    while True:
        size = 1 if start == 0 else PAGE  # most often the last entry is it
        with mapping():
            page = store.client.lrange(ready, -start - size, -start - 1)
        page.reverse()
        if taken in page:
            yield page[: page.index(taken)]
            return
        if not page:
            return
        yield page
        start += size


def of_body(data: bytes, known: Mapping[str, Known], job_id: str) -> Untaken:
    """A job as its body says what it is; one that cannot be read has nothing to be found by."""
    try:
        body = codec.decode_body(data)
    except ValueError:
        return Untaken(job_id, "", ())
    return of_payload(job_id, body.actor_name, body.payload, known)


def of_payload(job_id: str, job_type: str, payload: object, known: Mapping[str, Known]) -> Untaken:
    """A job as the indexes of its queue have it."""
    mine = known.get(job_type)
    if mine is None:
        return Untaken(job_id, job_type, ())
    hidden = hidden_entries(job_type, mine.hidden, payload, mine.secret)
    return Untaken(job_id, job_type, entries(job_type, mine.paths, payload) + hidden)
