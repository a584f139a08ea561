"""Notes about error groups: what someone found out, who owns it, and whether it is to be left out until it grows."""

from __future__ import annotations

from collections.abc import Callable
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
            if (note := _read(value)) is not None:
                found[queue, group] = note
        return found

    def change(self, queue: str, group: str, change: Callable[[Note], Note]) -> Note:
        """Write what `change` makes of a note, or delete one that then says nothing. Of two who change one at once the
        later sees what the other wrote. Raises Refused where there are too many."""
        field = f"{queue} {group}"
        while True:
            with mapping():
                raw = self._store.client.hget(self._store.keys.notes(), ids.write(field)) or b""
            note = change(_read(raw) or Note())
            signed = msgspec.structs.replace(note, by=me(), at=clock.now_ms())
            new = b"" if note.is_empty else msgspec.json.encode(signed)
            said = self._store.run("note", (), field, raw, new, MOST)
            if said < 0:
                raise Refused(f"there are {MOST:,} notes already", "clear some with `jobctl dead note GROUP --clear`")
            if said:
                return signed


def _read(raw: bytes) -> Note | None:
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None
