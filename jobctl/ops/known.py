"""Which queues there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobctl.errors import NothingMatched

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def known_queues(store: Store, catalog: Catalog | None) -> list[str]:
    """The queues of the catalog and those that Redis knows, sorted."""
    return sorted(catalog_queues(catalog).union(store.queues.names()))


def catalog_queues(catalog: Catalog | None) -> set[str]:
    """The queues that a catalog names."""
    return set() if catalog is None else {*catalog.queues, *(job.queue for job in catalog.jobs.values())}


def refuse_untouched(store: Store) -> None:
    """Raise NothingMatched for a namespace under which nothing is stored, with the nearest that has something."""
    if not store.is_untouched() or store.queues.names():
        return
    others = store.server.namespaces()
    close = difflib.get_close_matches(store.namespace, others, n=1, cutoff=0.5)
    listed = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    hint = f"did you mean {close[0]}?" if close else f"this Redis has: {listed}" if others else "no other has anything"
    raise NothingMatched(f"nothing is stored under the namespace {store.namespace}", hint)


def no_queue(name: str, known: Iterable[str]) -> NothingMatched:
    """The error for an unknown queue, with the nearest known one."""
    close = difflib.get_close_matches(name.removeprefix("queue:"), list(known), n=1, cutoff=0.5)
    return NothingMatched(f"no queue {name}", f"did you mean {close[0]}?" if close else "`jobctl queue ls` lists them")
