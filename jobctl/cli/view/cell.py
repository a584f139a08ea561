"""One value as a person reads it: a cell of a table, an instant, a duration, a failure in one line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobctl import clock
from jobctl.cli.view.formats import to_json
from jobctl.cli.view.screen import Screen, Times
from jobctl.text import NOTHING, first_line, relative, sanitize, short_duration

__all__ = ["NOTHING", "cell", "failure", "iso", "message", "relative", "short_duration"]

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


def iso(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC, to the millisecond."""
    return clock.to_datetime(clock.to_ms(moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
