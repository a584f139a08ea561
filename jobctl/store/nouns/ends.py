"""How workers ended: the latest that drained, and the latest that was lost."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from jobctl.errors import RedisUnavailable
from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

_END = "end|"
WAYS = ("drained", "lost")


def note_end(store: Namespace, how: str, name: str, at_ms: int) -> None:
    """Note how a worker ended. A full server refuses it."""
    with suppress(RedisUnavailable), mapping():
        store.writer.hset(store.keys.published(), f"{_END}{how}", f"{at_ms} {name}")


def ends(store: Namespace) -> dict[str, tuple[int, str]]:
    """For each of WAYS in which a worker has ended: when the latest did (epoch ms), and its name."""
    with mapping():
        found = store.client.hmget(store.keys.published(), [f"{_END}{how}" for how in WAYS])
    out = {}
    for how, raw in zip(WAYS, found, strict=True):
        at, _, name = ids.read(raw or b"").partition(" ")
        if at.isdecimal() and len(at) < 16:
            out[how] = (int(at), name)
    return out
