"""How far running attempts are: one small value a job, gone with the attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data import records
from jobctl.store.wire import steps
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MAX_MESSAGE = 200
EVIDENCE_MS = 2_000
EVIDENCE_SHARE = 0.01
"""A rate is judged after so much time, and after this share of the way or LONG_MS."""
LONG_MS = 30_000


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt said of itself, and when: epoch ms on its worker's clock.

    `first` is (done, at) of what it said first, None if this is it. The rate counts from there: an attempt may begin by
    connecting to something, or continue from where an earlier one stopped.
    """

    done: int | float
    at: int
    total: int | float | None = None
    message: str | None = None
    first: tuple[int | float, int] | None = None

    @property
    def eta_s(self) -> float | None:
        """The seconds from `at` until it is done, at its rate so far; None if there is too little to judge by."""
        if self.total is None or self.first is None:
            return None
        advanced, took_ms = self.done - self.first[0], self.at - self.first[1]
        far_enough = advanced >= EVIDENCE_SHARE * (self.total - self.first[0]) or took_ms >= LONG_MS
        if advanced <= 0 or took_ms < EVIDENCE_MS or not far_enough:
            return None
        return round(max(0.0, self.total - self.done) * took_ms / advanced / 1000, 1)


def following(before: Told | None, done: int | float, at: int, total: int | float | None, message: str | None) -> Told:
    """What an attempt says after `before`. One that begins again (`done` falls below the first) is judged again."""
    first = None if before is None else before.first or (before.done, before.at)
    return Told(done, at, total, message, first if first is not None and done >= first[0] else None)


class Reached(msgspec.Struct, frozen=True):
    """One write: the job, the token of the attempt that holds it, and what it said."""

    job_id: str
    token: str
    told: Told


_decoder = msgspec.json.Decoder(Told)
_encode = msgspec.json.Encoder().encode


class Progress:
    """The progress of a namespace's running jobs."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def rows(self, queue: str, reached: Sequence[Reached]) -> Rows:
        """Prepare a write, for `steps.run`; it answers with the places of attempts that are over and left out."""
        return Rows("progress", queue, (), [(one.job_id, one.token, _encode(one.told)) for one in reached])

    def write(self, queue: str, reached: Reached) -> bool:
        """Write one; False if its attempt is over. Raises RedisFull."""
        return not steps.each(self._store, self.rows(queue, [reached]))


def read(data: bytes) -> Told | None:
    """What is in Redis; None for nothing, or what cannot be read."""
    if not data:
        return None
    try:
        return _decoder.decode(data)
    except ValueError:
        return None


def record(data: bytes) -> records.Progress | None:
    """The machine format of what `locate` found."""
    told = read(data)
    if told is None:
        return None
    return records.Progress(
        done=told.done, total=told.total, message=told.message, at=clock.to_datetime(told.at), eta_s=told.eta_s
    )
