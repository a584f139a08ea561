"""What a notice says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.catalog.model import Alert
    from jobctl.store.nouns.alerts import Notice


def payload(alert: Alert, notice: Notice, namespace: str) -> dict[str, Any]:
    """What the templates of the alert see, and what goes to an address as JSON."""
    return {
        "alert": alert.name,
        "state": notice.kind,
        "summary": summary(alert, notice, namespace),
        "when": alert.when,
        "measure": alert.measure,
        "value": notice.value,
        "limit": alert.limit,
        "unit": alert.unit,
        "worst": notice.worst,
        "filter": alert.filter,
        "since": None if notice.since is None else clock.stamp(notice.since),
        "namespace": namespace,
    }


def summary(alert: Alert, notice: Notice, namespace: str) -> str:
    """One line for a person: `shop: dead-letters is firing: dead 5 in default (limit 0), since 10:03 UTC`."""
    where = f" in {notice.worst}" if notice.worst else ""
    name = alert.measure.replace("_", " ")
    found = f"{name} {amount(notice.value, alert.unit)}{where} (limit {amount(alert.limit, alert.unit)})"
    if notice.kind == "resolved":
        lasted = (
            "" if notice.since is None else f" after {format_duration(max(notice.at - notice.since, 0) // 1000 * 1000)}"
        )
        return sanitize(f"{namespace}: {alert.name} is resolved{lasted}: {found}")
    since = "" if notice.since is None else f", since {clock.to_datetime(notice.since):%Y-%m-%d %H:%M} UTC"
    word = "is firing" if notice.kind == "firing" else "is only tested"
    return sanitize(f"{namespace}: {alert.name} {word}: {found}{since}")


def amount(value: float | None, unit: str) -> str:
    """A number with its unit, as people write it."""
    if value is None:
        return "nothing to judge"
    if unit == "s":
        return format_duration(round(value) * 1000 if value >= 1 or not value else max(1, round(value * 1000)))
    if unit == "B":
        return f"{value / 1e6:,.0f} MB"
    return f"{value:g} %" if unit == "%" else f"{value:,.0f}"
