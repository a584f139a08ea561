"""Values as a page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from markupsafe import Markup

from jobctl import clock
from jobctl.store.data.records import Hold
from jobctl.text import NOTHING, first_line, relative, sanitize, short_duration

LONGEST = 20_000


def plain(value: Any) -> Any:
    """What goes into a page: texts without what a browser or a reader would obey. Escaping comes after this."""
    if value is None:
        return ""
    return sanitize(value, limit=LONGEST, newlines=True) if type(value) is str else value


def ago(moment: datetime | None) -> Markup | str:
    """An instant as people say it, with the exact one to be read."""
    if moment is None:
        return NOTHING
    exact = clock.iso(clock.to_ms(moment))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, relative(moment))


def lasted(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.1f}s" if 1 <= seconds < 60 else short_duration(seconds)


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def failure(record: Any) -> str:
    """A failure in one line."""
    return ": ".join(part for part in (record.error, first_line(record.message)) if part)


def held(hold: Hold) -> str:
    """Why a job does not start."""
    what = hold.name.replace("type:", "job type ", 1).replace("queue:", "queue ", 1)
    until = f" until {clock.iso(clock.to_ms(hold.until))}" if hold.until else ""
    match hold.kind:
        case "pause":
            why = f": {hold.reason}" if hold.reason else ""
            return f"{what} is paused{until}{why}" + (f" (by {hold.by})" if hold.by else "")
        case "worker":
            return f"no worker takes jobs of {what}" + (f": {hold.reason}" if hold.reason else "")
        case "turn":
            return "no limit holds it: it waits for a free worker"
    key = f" for key {hold.key}" if hold.key else ""
    ahead = f"; {hold.ahead:,} ahead of it" if hold.ahead else ""
    return f"the {hold.kind} limit of {what}, {hold.allows}{key}{ahead}{until}"
