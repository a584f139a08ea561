"""How many jobs of a queue are in each state, read from the places that the table of states names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from jobctl.store.data.states import ALL, State
from jobctl.store.wire.keys import Keys

COLUMNS = tuple(state for state in ALL if state.counted)
"""The states that a queue's row counts."""


class Stock(msgspec.Struct, frozen=True):
    """What a stock deployment has of a queue: entries of the list, live bodies, and the two inboxes."""

    listed: int
    bodies: int
    delayed: int
    dead: int


def ask(pipe: Any, keys: Keys, queue: str, states: Iterable[State]) -> None:
    """Ask how many ids each place of these states holds; `read` takes the replies."""
    for place in (place for state in states for place in state.places):
        key = getattr(keys, place.key)(queue)
        match place.kind:
            case "list":
                pipe.llen(key)
                pipe.get(keys.stale(queue))
            case "hash":
                pipe.hlen(key)
            case "set":
                pipe.zcard(key)


def read(replies: Iterator[Any], states: Iterable[State]) -> dict[str, int]:
    """The counts. Stale entries of the list belong to no job."""
    out = {}
    for state in states:
        count = 0
        for place in state.places:
            count += next(replies)
            if place.kind == "list":
                count -= int(next(replies) or 0)
        out[state.name] = max(0, count)
    return out


def told(counts: Mapping[str, int], stock: Stock, ours: bool) -> dict[str, Any]:
    """The counts as a queue's row tells them, its inboxes included.

    Of a queue that only stock workers serve (not `ours`), what these do not have is None, and what is not in the list
    is taken for running.
    """
    out: dict[str, int | None] = dict(counts) if ours else dict.fromkeys(counts)
    out["waiting"] = counts["waiting"]
    out["delayed"] = counts["delayed"] + stock.delayed
    out["dead"] = counts["dead"] + stock.dead
    if not ours:
        out["running"] = max(0, stock.bodies - stock.listed)
    return out
