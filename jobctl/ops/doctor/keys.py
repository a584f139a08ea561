"""A check of the namespace's keys: whether each is of the type that jobctl keeps there, and names a queue can have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobctl.ops.doctor.check import Check, listed

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.wire.kinds import WrongKey

QUEUES = 1_000
"""Of more queues than these, the first in the alphabet are looked at."""
ADVICE = (
    "another system lives in this namespace, or wrote to it: use a namespace of your own, or move the key away, as in"
)


def check(store: Store, catalog: Catalog | None) -> Check:
    """Look at every key that jobctl would use. A wrong one stops whoever needs it."""
    if wrong := store.server.wrong_keys(()):
        return _row(wrong)
    known = {*store.queues.names(), *(catalog.queues if catalog else ())}
    if wrong := store.server.wrong_keys(sorted(known)[:QUEUES]):
        return _row(wrong)
    if strange := store.server.strange_queues():
        found = f"no queue can be called {listed(repr(name[:40]) for name in strange)}"
        return Check(
            "keys", "warn", found, f"somebody wrote it there by hand: remove it with SREM {store.keys.queues()}"
        )
    more = f", of the first {QUEUES:,} queues" if len(known) > QUEUES else ""
    return Check("keys", "ok", f"every key is of its type{more}")


def _row(wrong: Iterable[WrongKey]) -> Check:
    keys = list(wrong)
    found = listed(f"{one.key} is a {one.found}, not a {one.expected}" for one in keys)
    return Check("keys", "fail", found, f"{ADVICE} RENAME {keys[0].key} aside:{keys[0].key}")
