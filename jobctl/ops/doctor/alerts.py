"""Checks of alerts: whether they are looked at, and whether who is to be told is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.ops.doctor.check import Check, listed
from jobctl.ops.schedules.check import alive

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.nouns.alerts import AlertState

SILENT_MS = 60_000
"""Alerts that no living scheduler has looked at for so long are not watched."""


def checks(store: Store, catalog: Catalog) -> Iterator[Check]:
    """Look at the catalog's alerts; there are no rows without any."""
    if not catalog.alerts:
        return
    now = store.processes.now_ms()
    kept = store.alerts.all(now)
    known = {name: kept[name] for name in catalog.alerts if name in kept}
    unsent = {name: state for name, state in known.items() if state.failing is not None}
    yield from (_unsent(name, state) for name, state in unsent.items())
    if silent := _silent(store, now):
        yield silent
    elif not unsent:
        yield _fine(known)


def _unsent(name: str, state: AlertState) -> Check:
    tries = f"{state.tries} {'try' if state.tries == 1 else 'tries'}"
    found = f"alert {name} is {state.state}, and the notice is not sent after {tries}: {state.error}"
    advice = "put right what it calls; it is tried again, at least every ten minutes"
    since = None if state.failing is None else clock.to_datetime(state.failing)
    return Check("alerts", "fail", found, advice, since, f"jobctl alert test {name}")


def _silent(store: Store, now_ms: int) -> Check | None:
    """Schedulers that live and do not look: they have another catalog, or an older jobctl. (That none lives is told by
    the check of schedulers.)"""
    at = store.alerts.looked_at()
    if not alive(store) or (at is not None and now_ms - at < SILENT_MS):
        return None
    found = "no scheduler has looked at the alerts" + ("" if at is None else f" for {_ago(now_ms - at)}")
    advice = "restart the schedulers, with this catalog"
    return Check("alerts", "fail", found, advice, None if at is None else clock.to_datetime(at), "jobctl ps")


def _ago(ms: int) -> str:
    return format_duration(ms // 1000 * 1000)


def _fine(known: dict[str, AlertState]) -> Check:
    firing = [name for name, state in known.items() if state.state == "firing"]
    muted = [name for name, state in known.items() if state.mute is not None]
    said = f"firing: {listed(firing)}" if firing else "none is firing"
    return Check("alerts", "ok", said + (f"; muted: {listed(muted)}" if muted else ""))
