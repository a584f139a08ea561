"""Running workers, told from afar: which are meant, what is wanted of them, and whether they do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import NothingMatched, UsageError, WaitTimeout

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.records import ProcessRow

PATIENCE_S = 15.0
"""A worker hears of an order with its next heartbeat, within 3 s; new processes then have to start."""
LOOK_S = 0.25


def quiet(rows: Iterable[ProcessRow], queues: Collection[str]) -> list[str]:
    """The workers that were told to be quiet, and serve one of the queues."""
    return [row.name for row in rows if row.state == "quiet" and not set(row.queues).isdisjoint(queues)]


def find(store: Store, names: Iterable[str]) -> list[ProcessRow]:
    """The live workers of these names, or the one whose name begins so. Raises NothingMatched, or UsageError for a
    beginning that several have."""
    rows = [row for row in store.processes.ls() if row.kind == "worker"]
    return list({row.name: row for name in names for row in [_find(rows, name)]}.values())


def _find(rows: Sequence[ProcessRow], name: str) -> ProcessRow:
    exact = [row for row in rows if row.name == name]
    found = exact or [row for row in rows if name and row.name.startswith(name)]
    if not found:
        raise NothingMatched(f"no worker {name!r} is running", "see jobctl ps -o name")
    if len(found) > 1:
        raise UsageError(f"{len(found)} workers begin with {name!r}", "name one: " + ", ".join(r.name for r in found))
    return found[0]


def order(store: Store, verb: str, rows: Iterable[ProcessRow], **wanted: int | bool) -> None:
    """Tell workers what is wanted of them, by a verb of `jobctl worker`. Raises NothingMatched for one that has just
    ended."""
    for row in rows:
        if not store.processes.order(row.name, **wanted):
            raise NothingMatched(f"worker {row.name} has ended")
        sizes = " ".join(
            f"{name}={value}" for name, value in wanted.items() if value is not True and value is not False
        )
        store.audit.add(f"worker {verb}", row.name, 1, sizes)


def until(store: Store, rows: Iterable[ProcessRow], done: Callable[[ProcessRow], bool]) -> list[ProcessRow]:
    """Wait until workers do what is wanted, or are gone; those that are left, as they are now. Raises WaitTimeout."""
    names = {row.name for row in rows}
    deadline = clock.monotonic() + PATIENCE_S
    while True:
        now = [row for row in store.processes.ls() if row.name in names]
        late = [row.name for row in now if not done(row)]
        if not late:
            return now
        if clock.monotonic() >= deadline:
            raise WaitTimeout(f"not done within {PATIENCE_S:.0f} s by {', '.join(late)}", "it is still wanted of them")
        time.sleep(LOOK_S)
