"""What attempts wrote: bounded lines kept beside a job, for `job logs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.store.nouns.events import read_on
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MAX_LINES = 1000
MAX_LINE = 2000
KEEP_MS = 7 * 86_400_000
"""How long after its last line a log is kept at least, if its job is."""


class LogLine(msgspec.Struct, frozen=True):
    """One line. `stream` is stdout, stderr or log; `at` is epoch ms."""

    attempt: int
    at: int
    stream: str
    text: str


class Batch(msgspec.Struct, frozen=True):
    """Lines of one attempt, at least one; `token` is its reservation's."""

    job_id: str
    token: str
    lines: tuple[LogLine, ...]


_decoder = msgspec.json.Decoder(LogLine)
_encode = msgspec.json.Encoder().encode


class Logs:
    """The logs of jobs. A job keeps its latest 1,000 lines. They go with the job, and seven days after the last line,
    or later where the queue keeps completed jobs for longer."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def rows(self, queue: str, batches: Sequence[Batch], keep_ms: int = KEEP_MS, *, repeated: bool = False) -> Rows:
        """Prepare the adding of lines, for `steps.run`; it answers with the places of batches whose attempt is over:
        nothing is added for them. `repeated` says that they may be there already."""
        rows = [(batch.job_id, batch.token, b"\n".join(map(_encode, batch.lines))) for batch in batches]
        return Rows("log", queue, (MAX_LINES, max(keep_ms, KEEP_MS), int(repeated)), rows)

    def append(self, queue: str, batch: Batch) -> bool:
        """Add lines; False if their attempt is over, and nothing was added. Raises RedisFull."""
        return not steps.each(self._store, self.rows(queue, [batch]))

    def read(self, queue: str, job_id: str) -> list[LogLine]:
        """All kept lines, oldest first."""
        return self.after(queue, job_id)[0]

    def after(self, queue: str, job_id: str, position: str = "-") -> tuple[list[LogLine], str]:
        """The lines after a position, and the position after them; `-` is before the first."""
        start = position if position == "-" else f"({position}"
        with mapping():
            entries = self._store.client.xrange(self._store.keys.logs(queue, job_id), min=start)
        return _lines(entries), entries[-1][0].decode() if entries else position

    def wait(self, queue: str, job_id: str, position: str, block_ms: int) -> None:
        """Wait at most `block_ms` for a line after a position."""
        read_on(self._store, self._store.keys.logs(queue, job_id), "0-0" if position == "-" else position, block_ms)


def _lines(entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[LogLine]:
    return [_decoder.decode(fields[b"l"]) for _, fields in entries]
