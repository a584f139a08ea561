"""Pauses: of a queue, of a job type, of everything; until a time or until resumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping
from jobctl.text import number

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

EVERYTHING = "*"


class Pause(msgspec.Struct, frozen=True):
    """Why something is paused. `until_ms` is epoch ms, 0 for until resumed; `closed` shuts producers out as well."""

    until_ms: int
    reason: str
    by: str
    closed: bool = False


def of_type(job_type: str) -> str:
    """The scope of a pause of a job type. That of a queue is its name."""
    return f"type|{job_type}"


def type_of(scope: str) -> str | None:
    """The job type of a scope; None if it is a queue or everything."""
    return scope[5:] if scope.startswith("type|") else None


class Pauses:
    """What is paused in a namespace, by scope: a queue's name, `of_type(…)`, or EVERYTHING."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def pause(self, scope: str, pause: Pause) -> None:
        """Stop handing out jobs, until a time or until resumed. Running ones continue.

        It takes the place of an earlier pause: who waits for the end of that one is looked at again.
        """
        value = f"{pause.until_ms}{'!' if pause.closed else ''}|{pause.by.replace('|', '_')}|{pause.reason}"
        with mapping():
            self._store.writer.hset(self._store.keys.paused(), scope, value)
        if type_of(scope) is not None:
            self._look_again(scope, self._store.registered())

    def resume(self, scope: str, queues: Iterable[str]) -> bool:
        """Hand out jobs again; False if nothing was paused. `queues` are those that the scope may concern."""
        with mapping():
            was = bool(self._store.client.hdel(self._store.keys.paused(), scope))
        self._look_again(scope, queues)
        return was

    def _look_again(self, scope: str, queues: Iterable[str]) -> None:
        from jobctl.store.nouns.limits import Limits

        job_type = type_of(scope)
        limits = [] if job_type is None else [f"{kind}:{job_type}" for kind in "prc"]
        for queue in queues:
            Limits(self._store).look_again(queue, *limits)

    def now(self) -> dict[str, Pause]:
        """What is paused at this moment, by scope."""
        with mapping():
            raw = self._store.client.hgetall(self._store.keys.paused())
        return in_force(raw, clock.now_ms())


def in_force(raw: Mapping[bytes, bytes], now_ms: int) -> dict[str, Pause]:
    """The pauses of the stored ones that hold at a moment, by scope."""
    pauses = {ids.read(scope): _read(ids.read(value)) for scope, value in raw.items()}
    return {
        scope: pause for scope, pause in pauses.items() if pause and (not pause.until_ms or pause.until_ms > now_ms)
    }


def _read(text: str) -> Pause | None:
    until, _, rest = text.partition("|")
    by, _, reason = rest.partition("|")
    until_ms = number(until.removesuffix("!"))
    return None if until_ms is None else Pause(until_ms, reason, by, until.endswith("!"))
