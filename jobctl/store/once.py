"""Side effects that are done once: what `jobctl.once` keeps in Redis, fenced by the attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jobctl.store import ids

if TYPE_CHECKING:
    from jobctl.store.store import Store


class OnceState(msgspec.Struct, frozen=True):
    """Where a side effect stands. `state`: mine (this attempt is to do it), done (by job `by`, with `value`), busy (job
    `by` is at it), late (the attempt is not the current one any more)."""

    state: str
    by: str = ""
    value: str = ""


class Once:
    """The side effects of a namespace, by key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, key: str, queue: str, job_id: str, token: str, ttl_ms: int) -> OnceState:
        """Begin it. What a dead attempt began is begun anew."""
        return self._step("begin", key, queue, job_id, token, "", ttl_ms)

    def done(self, key: str, queue: str, job_id: str, token: str, value: str, ttl_ms: int) -> OnceState:
        """It is done, and stays so for `ttl_ms`; `value` is what a later attempt is given."""
        return self._step("done", key, queue, job_id, token, value, ttl_ms)

    def undo(self, key: str, queue: str, job_id: str, token: str) -> OnceState:
        """It failed: whoever comes next begins it anew."""
        return self._step("undo", key, queue, job_id, token, "", 0)

    def _step(self, step: str, key: str, queue: str, job_id: str, token: str, value: str, ttl_ms: int) -> OnceState:
        reply = self._store.run("once", (), step, key, queue, job_id, token, value, ttl_ms)
        return OnceState(*(ids.read(part) for part in reply))
