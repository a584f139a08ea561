"""One value as a person reads it: a cell of a table, an instant, a duration, a failure in one line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobctl import clock
from jobctl.cli.view.formats import to_json
from jobctl.cli.view.screen import Screen, Times
from jobctl.text import first_line, sanitize

NOTHING = "-"
CELL_LIMIT = 1000
"""Characters of a cell."""


def cell(ctx: Screen, value: Any, *, limit: int = CELL_LIMIT) -> str:
    """A value in one line, safe to show."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return relative(value) if ctx.times is Times.RELATIVE else iso(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    if not isinstance(value, str | int):
        value = to_json(value)
    return sanitize(str(value), limit=limit)


def message(record: Any) -> str | None:
    """What fits a table of a failure's message: its first line. Programs and `show` get all of it."""
    return first_line(record.message) or None


def failure(record: Any) -> str | None:
    """A failure in one line: `ValueError: no such day`."""
    told = ": ".join(part for part in (record.error, first_line(record.message)) if part)
    return told or None


def relative(moment: datetime, now_ms: int | None = None) -> str:
    """An instant as people say it: `3m ago`, `in 5s`, `now`."""
    now = clock.now_ms() if now_ms is None else now_ms
    ahead = clock.to_ms(moment) - now
    text = short_duration(abs(ahead) / 1000)
    if abs(ahead) < 1000:
        return "now"
    return f"in {text}" if ahead > 0 else f"{text} ago"


def short_duration(seconds: float | None) -> str:
    """A duration in its largest unit: `350ms`, `42s`, `3m`, `2h`, `5d`; `-` for None."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def iso(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC, to the millisecond."""
    return clock.to_datetime(clock.to_ms(moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
