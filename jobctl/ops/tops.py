"""What the latest dead letters of error groups have most often: values of indexed keys, and hosts. A bounded look: so
many letters of so many groups, whatever there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from jobctl import redaction
from jobctl.redaction import is_hidden
from jobctl.store.data import attempts, codec
from jobctl.store.data.indexed import ABSENT, as_text, dig
from jobctl.store.data.records import DeadGroup
from jobctl.store.nouns import pieces

if TYPE_CHECKING:
    from jobctl.store import Store

GROUPS, LETTERS, VALUES = 50, 20, 3
"""Groups that are looked at, the first ones; letters of each, the latest; values of each key that are told."""
MAX_VALUE = 60


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """`count` of `of` dead letters have this; `what` is host or args.KEY."""

    what: str
    value: str
    count: int
    of: int


def of_groups(store: Store, rows: Sequence[DeadGroup]) -> dict[tuple[str, str], tuple[Top, ...]]:
    """By queue and group, the most frequent first; the larger groups only."""
    by_queue: dict[str, list[DeadGroup]] = {}
    for row in rows[:GROUPS]:
        by_queue.setdefault(row.queue, []).append(row)
    return {
        (queue, group): tops
        for queue, some in by_queue.items()
        for group, tops in zip([row.group for row in some], _of_queue(store, queue, some), strict=True)
    }


def _of_queue(store: Store, queue: str, rows: Sequence[DeadGroup]) -> Iterator[tuple[Top, ...]]:
    latest = store.dead.latest(queue, [row.group for row in rows], LETTERS)
    every = [job_id for ids in latest for job_id in ids]
    bodies = iter(pieces.bodies(store, queue, every, "dead"))
    lines = iter(pieces.attempts(store, queue, every))
    indexed = store.indexes.by_type(queue)
    for row, ids in zip(rows, latest, strict=True):
        known = indexed.get(row.type)
        payloads = [_payload(store, body) if known else None for body in islice(bodies, len(ids))]
        lived = [attempts.decode(some, {}) for some in islice(lines, len(ids))]
        tops = [
            top
            for path in (known.paths if known else ())
            for top in _most(f"args.{path}", [_value(payload, path) for payload in payloads])
        ]
        yield (*tops, *_most("host", [one[-1].host if one else None for one in lived]))


def _most(what: str, found: Sequence[str | None]) -> Iterator[Top]:
    for value, count in Counter(value for value in found if value is not None).most_common(VALUES):
        yield Top(what=what, value=value[:MAX_VALUE], count=count, of=len(found))


def _payload(store: Store, data: bytes) -> object:
    """A payload without what is hidden of it."""
    try:
        body = codec.decode_body(data)
    except ValueError:
        return None
    return redaction.hide(redaction.combined(body.options, store.rules(body.actor_name)), body.payload)


def _value(payload: object, path: str) -> str | None:
    value = dig(payload, path)
    return None if value is ABSENT or is_hidden(value) or isinstance(value, list | dict) else as_text(value)
