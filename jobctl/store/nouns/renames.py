"""What schedules were called before. Each is kept under its newest name; the others lead there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace


def renamed(store: Namespace) -> dict[str, str]:
    """The former names, each with the name under which the schedule is kept."""
    with mapping():
        found = store.client.hgetall(store.keys.renamed())
    newer = {old.decode(): new.decode() for old, new in found.items()}
    return {old: _end(newer, old) for old in newer}


def roots(store: Namespace, names: Iterable[str]) -> dict[str, str]:
    """The name under which each schedule is kept."""
    newest = renamed(store)
    return {name: newest.get(name, name) for name in names}


def _end(newer: dict[str, str], name: str) -> str:
    for _ in newer:
        name = newer.get(name, name)
    return name
