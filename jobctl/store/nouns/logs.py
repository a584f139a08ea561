"""What attempts wrote: bounded lines kept beside a job, for `job logs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.store.nouns.events import read_on
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.script import Argument, Call

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MAX_LINES = 1000
MAX_LINE = 2000
KEEP_MS = 7 * 86_400_000
"""How long after its last line a log is kept at least, if its job is."""
CALL_LINES = 500
"""About so many lines go into one script call."""


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

    def calls(
        self, queue: str, batches: Sequence[Batch], keep_ms: int = KEEP_MS, *, repeated: bool = False
    ) -> list[tuple[Call, list[Batch]]]:
        """Prepare the script calls that add lines, each with its batches; a call answers with the places of those whose
        attempt is over. `repeated` says that they may be there already."""
        groups: list[list[Batch]] = []
        room = 0
        for batch in batches:
            if room <= 0:
                groups.append([])
                room = CALL_LINES
            groups[-1].append(batch)
            room -= len(batch.lines)
        return [(self._call(queue, group, max(keep_ms, KEEP_MS), repeated), group) for group in groups]

    def _call(self, queue: str, batches: Sequence[Batch], keep_ms: int, repeated: bool) -> Call:
        args: list[Argument] = []
        for batch in batches:
            args += (batch.job_id, batch.token, len(batch.lines), *map(_encode, batch.lines))
        return self._store.call("log", queue, MAX_LINES, keep_ms, int(repeated), *args)

    def append(self, queue: str, batch: Batch) -> bool:
        """Add lines; False if their attempt is over, and nothing was added. Raises RedisFull."""
        calls = [call for call, _ in self.calls(queue, [batch])]
        return not any(self._store.run_many(calls))

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
