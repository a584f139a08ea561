"""A job as it is in Redis."""

from __future__ import annotations

import msgspec

from jobctl import redaction
from jobctl.store.data import codec, ids
from jobctl.store.data.attempts import Lived
from jobctl.store.data.ids import JobRef


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is in Redis, undecoded parts included; what operations work on.

    `attempts` (the oldest first) and `result` (JSON) are empty until `Jobs.details` has read them.
    """

    id: str
    queue: str
    state: str
    detail: str
    body: bytes
    record: codec.Record
    priority: int
    cancelling: bool
    crashes: int
    lane: str = ""
    expires_ms: int = 0
    progress: bytes = b""
    rules: redaction.Rules = redaction.unruled
    attempts: tuple[Lived, ...] = ()
    result: bytes = b""

    @property
    def ref(self) -> JobRef:
        return JobRef(self.queue, self.id)

    @property
    def enqueued_ms(self) -> int | None:
        """When it was enqueued (epoch ms); None if neither its id nor its message tells."""
        if (minted := ids.minted_at(self.id)) is not None:
            return minted
        try:
            return codec.decode_body(self.body).message_timestamp
        except ValueError:
            return None

    @property
    def token(self) -> str:
        """Of a running job: the token of its current reservation."""
        return self.detail.partition("|")[0] if self.state == "running" else ""

    @property
    def began_ms(self) -> int:
        """Of a running job: since when, in epoch ms; 0 while its worker has only fetched it, or has not told yet."""
        return int(self.detail.rpartition("|")[2]) if self.state == "running" else 0

    @property
    def held_since_ms(self) -> int:
        """Of a running job: since when it runs or, where that is not told, since its worker fetched it."""
        return self.began_ms or int(self.token.rpartition("-")[2])

    @property
    def seen_as(self) -> str:
        """The state that is shown: a job that its worker has fetched ahead is waiting."""
        return "waiting" if self.state == "running" and not self.began_ms else self.state

    @property
    def worker(self) -> str:
        """Of a running job: the worker process that holds it."""
        return self.detail.split("|")[1] if self.state == "running" else ""
