"""What attempts wrote: bounded lines kept beside a job, for `job logs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import redis

from jobctl.store.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.store import Store

MAX_LINES = 1000
MAX_LINE = 2000
KEEP_S = 7 * 86_400


class LogLine(msgspec.Struct, frozen=True):
    """One line. `stream` is stdout, stderr or log; `at` is epoch ms."""

    attempt: int
    at: int
    stream: str
    text: str


_decoder = msgspec.json.Decoder(LogLine)


class Logs:
    """The logs of jobs. A job keeps its latest 1,000 lines, for seven days after the last."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, queue: str, job_id: str, lines: Sequence[LogLine]) -> bool:
        """Add lines; False when the server is out of memory and they were left out. Jobs must end all the same."""
        if not lines:
            return True
        key = self._store.keys.logs(queue, job_id)
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            pipe.rpush(key, *(msgspec.json.encode(line) for line in lines))
            pipe.ltrim(key, -MAX_LINES, -1)
            pipe.expire(key, KEEP_S)
            try:
                pipe.execute()
            except redis.OutOfMemoryError:
                return False
        return True

    def read(self, queue: str, job_id: str) -> list[LogLine]:
        """All kept lines, oldest first."""
        key = self._store.keys.logs(queue, job_id)
        with mapping():
            return [_decoder.decode(line) for line in self._store.client.lrange(key, 0, -1)]
