"""Checks of schedules: which are paused or late, and where their cursors stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl.catalog.ticks import following
from jobctl.clock import iso
from jobctl.ops.doctor.check import Check, listed
from jobctl.ops.pauses import words
from jobctl.ops.schedules.check import UNATTENDED
from jobctl.ops.schedules.check import check as punctuality
from jobctl.ops.schedules.look import pauses

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

DAY_MS = 86_400_000


def checks(store: Store, catalog: Catalog) -> Iterator[Check]:
    """Look at the cursors of the catalog's schedules, and their pauses."""
    if catalog.schedules:
        yield _cursors(store, catalog)
        yield _ticks(store, catalog)
        yield _paused(store, catalog)


def _ticks(store: Store, catalog: Catalog) -> Check:
    """Ticks that are later than the `tolerance` of their schedule allows. Without a scheduler all will be."""
    late = [row for row in punctuality(store, catalog)[1] if not row.ok and row.status != UNATTENDED]
    if not late:
        return Check("ticks", "ok", "no tick is late")
    since = min((row.expected_at for row in late if row.expected_at), default=None)
    found = listed(f"{row.name}: {row.status}" for row in late)
    advice = "see that a scheduler runs with this catalog: `jobctl schedule check`"
    return Check("ticks", "fail", found, advice, since, "jobctl schedule check")


def _paused(store: Store, catalog: Catalog) -> Check:
    """By hand, or by `pause_on_failure`."""
    paused = pauses(store, list(catalog.schedules.values()))
    if not paused:
        return Check("schedule pauses", "ok", "no schedule is paused")
    said = (
        words(name, iso(pause.until_ms) if pause.until_ms else None, pause.reason, pause.by)
        for name, pause in paused.items()
    )
    command = f"jobctl schedule resume {next(iter(paused))}"
    return Check("schedule pauses", "warn", listed(said), f"to end it: `{command}`", command=command)


def _cursors(store: Store, catalog: Catalog) -> Check:
    """A cursor that is ahead of Redis's clock was moved by a wrong one: the ticks before it would pass unused."""
    now_ms, wrong = store.processes.now_ms(), []
    for name, cursor in store.schedules.cursors(catalog.schedules).items():
        if cursor.last_ms is not None and cursor.last_ms > following(catalog.schedules[name], now_ms):
            wrong.append(f"the cursor of {name} is at {iso(cursor.last_ms)}, ahead of Redis's clock")
        elif cursor.set_back is not None and now_ms - cursor.set_back[0] < DAY_MS:
            at_ms, from_ms = cursor.set_back
            wrong.append(f"the cursor of {name} was reset from {iso(from_ms)} at {iso(at_ms)}")
    if not wrong:
        return Check("schedules", "ok", "no cursor is ahead of Redis's clock")
    advice = "a clock was wrong: sync all machines with NTP; a scheduler resets such a cursor at the next tick"
    return Check("schedules", "warn", listed(wrong), advice)
