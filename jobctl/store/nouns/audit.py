"""Who changed what: a bounded stream of every change made by hand."""

from __future__ import annotations

import getpass
import socket
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MAX_ENTRIES = 10_000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `target` says what was changed, `detail` how."""

    at: datetime
    who: str
    action: str
    target: str
    changed: int
    detail: str = ""


_decoder = msgspec.json.Decoder(AuditEntry)


def me() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


class Audit:
    """The audit log of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def add(self, action: str, target: str, changed: int, detail: str = "") -> None:
        entry = AuditEntry(
            at=clock.to_datetime(clock.now_ms()),
            who=me(),
            action=action,
            target=target,
            changed=changed,
            detail=detail,
        )
        fields: dict[Any, Any] = {"e": msgspec.json.encode(entry)}
        with mapping():
            self._store.writer.xadd(self._store.keys.audit(), fields, maxlen=MAX_ENTRIES, approximate=True)

    def recent(self, limit: int = 100) -> list[AuditEntry]:
        """The latest changes, newest first."""
        with mapping():
            rows = self._store.client.xrevrange(self._store.keys.audit(), count=limit)
        return [_decoder.decode(fields[b"e"]) for _, fields in rows]
