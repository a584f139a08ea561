"""The type of each key; and keys that hold another: another system lives in the namespace, or wrote to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import redis

from jobctl.errors import WrongKind
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.one_each import NAMESPACE_KEYS

_KINDS = {
    "list": "ready stock_delayed wake",
    "hash": "bodies stock_delayed_bodies stock_dead_bodies priorities running cancels progress crashes records archive "
    "attempts traces trace_uses results groups origins aliases messages limits lanes uniques paused notice processes "
    "orders cursors published dropped ended catalogs followed announced schedules_by_hand renamed notes alerts hooks",
    "zset": "stock_dead stock_heartbeats ordered delayed retrying completed cancelled dead trash known "
    "limited expiring due beats stats operations",
    "set": "queues stock_queues named open_ticks index operating",
    "string": "stale since layout migrating token scanned following",
    "stream": "events audit",
}
KIND: Mapping[str, str] = {name: kind for kind, names_of in _KINDS.items() for name in names_of.split()}
"""The type of each key, as Redis's TYPE names it; of those that take more than a queue's name, none."""
PER_QUEUE = tuple(name for name in KIND if name not in NAMESPACE_KEYS | {"scanned", "stock_heartbeats"})
OF_NAMESPACE = tuple(name for name in KIND if name not in PER_QUEUE)

WORDS = {"zset": "sorted set"}


class WrongKey(msgspec.Struct, frozen=True):
    """A key, the type that it has and the one that jobctl keeps there, in words."""

    key: str
    found: str
    expected: str


def is_wrong_kind(error: BaseException) -> bool:
    """Whether a command met a key of another type. Scripts put words around Redis's own."""
    return isinstance(error, redis.ResponseError) and "WRONGTYPE" in str(error)


def find(client: Any, named: Sequence[tuple[str, str]]) -> list[WrongKey]:
    """Those of the keys, given as (name of a function of Keys, key), that are of the wrong type. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    for _, key in named:
        pipe.type(key)
    kinds = [_text(kind) for kind in pipe.execute()] if named else []
    return [
        WrongKey(key, WORDS.get(kind, kind), WORDS.get(KIND[name], KIND[name]))
        for (name, key), kind in zip(named, kinds, strict=True)
        if kind not in ("none", KIND.get(name, kind))
    ]


def all_of(keys: Keys, queues: Iterable[str]) -> list[tuple[str, str]]:
    """Every key of the namespace itself and of these queues, with the name of its function."""
    own = [(name, str(getattr(keys, name)())) for name in OF_NAMESPACE]
    return own + [(name, str(getattr(keys, name)(queue))) for queue in queues for name in PER_QUEUE]


def explain(client: Any, named: Sequence[tuple[str, str]]) -> WrongKind:
    """The error for a command that met a key of another type, among these."""
    try:
        wrong = find(client, named)
    except redis.RedisError:
        wrong = []
    return WrongKind(wrong[0].key, f"is a {wrong[0].found}, not a {wrong[0].expected}") if wrong else WrongKind()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
