"""Side effects that are done once: what `jobctl.once` keeps in Redis, fenced by the attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jobctl.store.data import ids

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


class OnceState(msgspec.Struct, frozen=True):
    """Where a side effect stands. `state`: mine (this attempt is to do it), done (by job `by`, with `value`), busy (job
    `by` is at it), late (the attempt is not the current one any more)."""

    state: str
    by: str = ""
    value: str = ""


class Once:
    """The side effects of a namespace, by key."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def step(self, step: str, key: str, queue: str, job_id: str, token: str, value: str, ttl_ms: int) -> OnceState:
        """Take a step of the attempt that holds `token`.

        "begin": it is about to do it, also if a dead attempt began it before. "done": it is done and stays so for
        `ttl_ms`, and `value` is what a later attempt is given. "undo": it failed, and the next attempt begins again.
        """
        reply = self._store.run("once", (), step, key, queue, job_id, token, value, ttl_ms)
        return OnceState(*(ids.read(part) for part in reply))
