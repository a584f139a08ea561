"""Single pieces of many jobs, for who needs no more of them: bodies, records, attempts. A round trip each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl.store.data import ids
from jobctl.store.data.states import BY_NAME
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


def bodies(store: Namespace, queue: str, job_ids: Sequence[str], state: str = "") -> list[bytes]:
    """The bodies of jobs (in any state, or of those that are still live or ended as in `state`), empty of those that
    are gone."""
    keys = store.keys
    if not state:
        return _each(store, [keys.archive(queue), keys.bodies(queue)], job_ids)
    return _each(store, [keys.archive(queue) if BY_NAME[state].ended else keys.bodies(queue)], job_ids)


def records(store: Namespace, queue: str, job_ids: Sequence[str]) -> list[bytes]:
    """The records of jobs, empty of those that have none."""
    return _each(store, [store.keys.records(queue)], job_ids)


def attempts(store: Namespace, queue: str, job_ids: Sequence[str]) -> list[bytes]:
    """The attempts of jobs as they are stored, without their tracebacks."""
    return _each(store, [store.keys.attempts(queue)], job_ids)


def _each(store: Namespace, keys: Sequence[str], job_ids: Sequence[str]) -> list[bytes]:
    """For each job what the first of the hashes has that has anything."""
    if not job_ids:
        return []
    names = list(map(ids.write, job_ids))
    pipe: Any = store.client.pipeline(transaction=False)
    for key in keys:
        pipe.hmget(key, names)
    with mapping():
        found = pipe.execute()
    return [next(filter(None, some), b"") for some in zip(*found, strict=True)]
