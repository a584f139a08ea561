"""How far running attempts are: one small value a job, gone with the attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data import records
from jobctl.store.wire.script import Call

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MAX_MESSAGE = 200


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt said of itself. Both times are epoch ms on its worker's clock: when it said so, and when the
    attempt began."""

    done: int | float
    at: int
    started: int
    total: int | float | None = None
    message: str | None = None

    @property
    def eta_s(self) -> float | None:
        """The seconds from `at` until it is done, at its rate since it began; None if that is not known."""
        took = (self.at - self.started) / 1000
        if self.total is None or not self.done or took <= 0:
            return None
        return round(max(0.0, self.total - self.done) * took / self.done, 1)


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

    def call(self, queue: str, reached: Sequence[Reached]) -> Call:
        """Prepare a script call; it answers with the places of attempts that are over: nothing was written for them."""
        args = [part for one in reached for part in (one.job_id, one.token, _encode(one.told))]
        return self._store.call("progress", queue, *args)

    def write(self, queue: str, reached: Reached) -> bool:
        """Write one; False if its attempt is over. Raises RedisFull."""
        return not self._store.run_many([self.call(queue, [reached])])[0]


def record(data: bytes) -> records.Progress | None:
    """The machine format of what `locate` found; None for nothing, or what cannot be read."""
    if not data:
        return None
    try:
        told = _decoder.decode(data)
    except ValueError:
        return None
    return records.Progress(
        done=told.done, total=told.total, message=told.message, at=clock.to_datetime(told.at), eta_s=told.eta_s
    )
