"""Who changed what: a bounded stream of every change made by hand."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.events import read_on
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.data.origin import Origin
    from jobctl.store.wire.namespace import Namespace

MAX_ENTRIES = 10_000
MAX_JOBS = 50
"""Changes of more jobs do not say which."""
MAX_TEXT = 1_000
"""Characters of a command or a reason."""
PAGE = 500


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `target` says what was changed, `detail` how.

    `command` is what was typed. `matched` is how many were meant, None where that is not counted. `outcome`: done,
    partly (some could not be changed) or stopped (before its end). `jobs` are `QUEUE ID` of those that were changed,
    if they were at most MAX_JOBS. `operation` is the id of the change, where it is one of jobs.
    """

    at: datetime
    who: str
    profile: str = ""
    action: str
    target: str
    command: str = ""
    reason: str = ""
    matched: int | None = None
    changed: int
    failed: int = 0
    outcome: str = "done"
    detail: str = ""
    jobs: tuple[str, ...] = ()
    operation: str = ""


_decoder = msgspec.json.Decoder(AuditEntry)


def me() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def who_acts(origin: Origin) -> str:
    """Who makes a change: user@host, after the bot in whose name it is done."""
    return f"{plain(origin.acting)} ({me()})" if origin.acting else me()


def name_of(job: JobRef) -> str:
    """How an entry names a job."""
    return plain(f"{job.queue} {job.id}")


def plain(text: str) -> str:
    """Text that can be written as JSON: bytes that are no UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


class Audit:
    """The audit log of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def add(
        self,
        action: str,
        target: str,
        changed: int,
        detail: str = "",
        *,
        matched: int | None = None,
        failed: int = 0,
        outcome: str = "done",
        jobs: Sequence[JobRef] = (),
        operation: str = "",
        who: str = "",
    ) -> None:
        """Note a change. Who made it (if not `who`), and what was typed, is the store's `origin`."""
        origin = self._store.origin
        entry = AuditEntry(
            at=clock.to_datetime(clock.now_ms()),
            who=who or who_acts(origin),
            profile=origin.profile,
            action=action,
            target=plain(target),
            command=plain(origin.command[:MAX_TEXT]),
            reason=plain(origin.reason[:MAX_TEXT]),
            matched=matched,
            changed=changed,
            failed=failed,
            outcome=outcome,
            detail=detail,
            jobs=tuple(map(name_of, jobs)) if len(jobs) <= MAX_JOBS else (),
            operation=operation,
        )
        fields: dict[Any, Any] = {"e": msgspec.json.encode(entry)}
        with mapping():
            self._store.writer.xadd(self._store.keys.audit(), fields, maxlen=MAX_ENTRIES, approximate=True)

    def recent(self, limit: int = 100) -> list[AuditEntry]:
        """The latest changes, newest first."""
        with mapping():
            rows = self._store.client.xrevrange(self._store.keys.audit(), count=limit)
        return [entry for _, fields in rows if (entry := _read(fields)) is not None]

    def back(self) -> Iterator[tuple[list[AuditEntry], str]]:
        """Pages of changes going back in time, the latest first, with the position of the first of each page."""
        high = "+"
        while True:
            with mapping():
                rows = self._store.client.xrevrange(self._store.keys.audit(), max=high, count=PAGE)
            if not rows:
                return
            yield [entry for _, fields in rows if (entry := _read(fields)) is not None], rows[0][0].decode()
            high = f"({rows[-1][0].decode()}"

    def after(self, position: str, block_ms: int = 1000) -> tuple[list[AuditEntry], str]:
        """Changes after a position, oldest first; waits at most `block_ms` for the first."""
        rows = read_on(self._store, self._store.keys.audit(), position, block_ms)
        found = [entry for _, fields in rows if (entry := _read(fields)) is not None]
        return found, rows[-1][0].decode() if rows else position


def _read(fields: dict[bytes, bytes]) -> AuditEntry | None:
    """An entry that cannot be read is left out: anyone who can write to Redis may have written it."""
    try:
        return _decoder.decode(fields.get(b"e", b""))
    except msgspec.MsgspecError:
        return None
