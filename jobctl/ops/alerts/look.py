"""Alerts as people see and change them: list, test, mute."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.errors import NothingMatched, OperationFailed, UsageError
from jobctl.handlers.base import CancelToken
from jobctl.ops.alerts import notices
from jobctl.ops.alerts.channels import NotSent, Surroundings, channel
from jobctl.ops.alerts.judge import Judge
from jobctl.store.nouns.alerts import AlertMute, AlertState, Notice
from jobctl.store.nouns.audit import me

if TYPE_CHECKING:
    from jobctl.catalog.model import Alert, Catalog
    from jobctl.store import Store

NEVER = "unknown"
"""The state of an alert that no scheduler has looked at."""


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of the catalog. `state`: ok, pending (its condition holds, not for `for` yet), firing, or unknown (no
    scheduler has looked at it), since `since`. `value` and `worst` are of `checked_at`. `notice`: sent, sending,
    failed (`error` says why) or None if nobody was told yet; `told_at` is when a notice last got through."""

    name: str
    state: str
    since: datetime | None
    when: str
    filter: str
    value: float | None
    unit: str
    worst: str | None
    checked_at: datetime | None
    notice: str | None
    told_at: datetime | None
    error: str | None
    muted: bool
    muted_until: datetime | None
    muted_by: str | None
    mute_reason: str | None


def ls(store: Store, catalog: Catalog, names: Iterable[str] = ()) -> list[AlertRow]:
    """The alerts named, or all of the catalog. Raises NothingMatched."""
    wanted = _named(catalog, names)
    now = store.processes.now_ms()
    kept = store.alerts.all(now)
    return [_row(alert, kept.get(alert.name) or AlertState(state=NEVER, since=0)) for alert in wanted]


def _row(alert: Alert, state: AlertState) -> AlertRow:
    mute = state.mute
    return AlertRow(
        name=alert.name,
        state=state.state,
        since=_at(state.began if state.state in ("pending", "firing") else state.since or None),
        when=alert.when,
        filter=alert.filter,
        value=state.value,
        unit=alert.unit,
        worst=state.worst or None,
        checked_at=_at(state.seen),
        notice=_notice(state),
        told_at=_at(state.sent),
        error=state.error,
        muted=mute is not None,
        muted_until=_at(mute.until_ms or None) if mute else None,
        muted_by=mute.by if mute else None,
        mute_reason=(mute.reason or None) if mute else None,
    )


def _notice(state: AlertState) -> str | None:
    if state.failing is not None:
        return "failed"
    if state.line:
        return "sending"
    return None if state.sent is None else "sent"


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else clock.to_datetime(ms)


def mute(store: Store, catalog: Catalog, names: Iterable[str], until_ms: int | None, reason: str) -> None:
    """Tell nobody of alerts, until a moment (Redis's clock) or until unmuted. Raises NothingMatched."""
    for alert in _named(catalog, names):
        store.alerts.mute(alert.name, AlertMute(until_ms or 0, me(), reason))
        store.audit.add("alert mute", f"alert:{alert.name}", 1, reason)


def unmute(store: Store, catalog: Catalog, names: Iterable[str]) -> None:
    """Tell again. Raises NothingMatched, UsageError for one that is not muted."""
    for alert in _named(catalog, names):
        if not store.alerts.unmute(alert.name):
            raise UsageError(f"alert {alert.name} is not muted", "`jobctl alert ls` lists the alerts")
        store.audit.add("alert mute", f"alert:{alert.name}", 1, "off")


def try_out(store: Store, catalog: Catalog, name: str, around: Surroundings) -> str:
    """Send a notice of what is found now, marked as a test; its summary. Changes no state. Raises NothingMatched, and
    OperationFailed with the reason if it does not get through."""
    [alert] = _named(catalog, [name])
    vital = Judge(store, catalog).vital(alert)
    now = store.processes.now_ms()
    notice = Notice(kind="test", at=now, value=vital.value, worst=vital.worst or "")
    payload = notices.payload(alert, notice, store.namespace)
    try:
        channel(alert, catalog, store, around)(payload, f"alert-{alert.name}-test-{now}"[:120], CancelToken())
    except NotSent as error:
        raise OperationFailed(f"alert {alert.name}: the notice was not sent: {error}") from error
    return str(payload["summary"])


def _named(catalog: Catalog, names: Iterable[str]) -> list[Alert]:
    wanted = list(dict.fromkeys(names)) or list(catalog.alerts)
    for name in wanted:
        if name not in catalog.alerts:
            close = difflib.get_close_matches(name, list(catalog.alerts), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else "`jobctl alert ls` lists them"
            raise NothingMatched(f"no alert {name}", hint)
    return [catalog.alerts[name] for name in wanted]
