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
ADVICE = "another program uses this namespace, or wrote to it: use another namespace, or move the key away with"


def check(store: Store, catalog: Catalog | None) -> Check:
    """Check every key that jobctl would use. One of a wrong type stops the programs that need it."""
    if wrong := store.server.wrong_keys(()):
        return _row(wrong)
    known = {*store.queues.names(), *(catalog.queues if catalog else ())}
    if wrong := store.server.wrong_keys(sorted(known)[:QUEUES]):
        return _row(wrong)
    if strange := store.server.strange_queues():
        found = f"invalid queue names: {listed(repr(name[:40]) for name in strange)}"
        return Check("keys", "warn", found, f"another program added them: remove them with SREM {store.keys.queues()}")
    more = f", of the first {QUEUES:,} queues" if len(known) > QUEUES else ""
    return Check("keys", "ok", f"every key has the right type{more}")


def _row(wrong: Iterable[WrongKey]) -> Check:
    keys = list(wrong)
    found = listed(f"{one.key} is a {one.found}, not a {one.expected}" for one in keys)
    return Check("keys", "fail", found, f"{ADVICE} RENAME {keys[0].key} aside:{keys[0].key}")
