"""Notes about error groups: what someone found out, who owns it, and whether it is to be left out until it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.errors import Refused
from jobctl.store.data import ids
from jobctl.store.nouns.audit import me
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

MOST = 1_000
MAX_TEXT = 500
"""Characters of each text of a note."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a group. `muted` is the count up to which it is left out, None if it is not. `at`: epoch ms."""

    text: str | None = None
    owner: str | None = None
    link: str | None = None
    muted: int | None = None
    by: str = ""
    at: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.text is None and self.owner is None and self.link is None and self.muted is None


_decoder = msgspec.json.Decoder(Note)


class Notes:
    """The notes of a namespace, by (queue, group)."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def all(self) -> dict[tuple[str, str], Note]:
        """Every note that can be read."""
        with mapping():
            raw = self._store.client.hgetall(self._store.keys.notes())
        found = {}
        for field, value in raw.items():
            queue, _, group = ids.read(field).partition(" ")
            try:
                found[queue, group] = _decoder.decode(value)
            except msgspec.MsgspecError:
                continue
        return found

    def put(self, queue: str, group: str, note: Note) -> Note:
        """Write a note, or delete it if it says nothing. Raises Refused where there are too many."""
        key, field = self._store.keys.notes(), f"{queue} {group}"
        signed = msgspec.structs.replace(note, by=me(), at=clock.now_ms())
        with mapping():
            if note.is_empty:
                self._store.client.hdel(key, field)
                return signed
            if not self._store.client.hexists(key, field) and self._store.client.hlen(key) >= MOST:
                raise Refused(f"there are {MOST:,} notes already", "clear some with `jobctl dead note GROUP --clear`")
            self._store.writer.hset(key, field, msgspec.json.encode(signed))
        return signed
