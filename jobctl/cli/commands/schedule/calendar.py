"""`jobctl schedule calendar`."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.schedule._shared import Names
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.paint import Paint
from jobctl.cli.view.table import NAME, cut, display_width, padded, terminal_width
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.ops.schedules.calendar import Calendar, CalendarRow

HOUR_MS = 3_600_000
WIDTH = 80
LEAST = 12


@command
def calendar(
    ctx: Context,
    names: Names = None,
    week: Annotated[bool, typer.Option("--week", help="Show the coming seven days instead of 24 hours.")] = False,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone", metavar="ZONE", help="Show times in this zone instead of the local one.", show_default=False
        ),
    ] = None,
) -> None:
    """Draw the coming day: when each schedule is due, how long its jobs usually take, where they pile up.

    A digit is the number of ticks in that part of the day, `+` more than nine; `-` is where a job usually still runs.
    ALL counts them together; below are the minutes that several share, without schedules that are due in nearly every
    minute.

    Example: jobctl schedule calendar --week
    """
    from jobctl import clock
    from jobctl.errors import RedisUnavailable
    from jobctl.ops.schedules import calendar as made
    from jobctl.ops.schedules import known

    zone = _zone(timezone)
    catalog = ctx.catalog()
    store, schedules = None, catalog.schedules
    try:
        schedules = known.effective(ctx.store(), catalog)
        store = ctx.store()
    except RedisUnavailable:
        ctx.say("Redis does not answer: these are the catalog's times, without how long jobs take")
    wanted = known.named(schedules, names or ())
    part = (4 if week else 0.5) * HOUR_MS
    now = clock.now_ms()
    start = clock.to_datetime(now).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    found = made.calendar(store, wanted, clock.to_ms(start), int(part), 42 if week else 48, now_ms=now)
    if ctx.output is not Output.TABLE:
        ctx.emit(found, ())
    elif not found.rows:
        ctx.say("no schedules: the catalog has none")
    else:
        ctx.stdout.write(_drawn(ctx, found, zone, week=week))


def _zone(name: str | None) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    from jobctl.catalog.schedules import zone_problem

    if name is None:
        return None
    if problem := zone_problem(name):
        raise UsageError(f"--timezone: {problem}")
    return ZoneInfo(name)


def _drawn(ctx: Context, found: Calendar, zone: tzinfo | None, *, week: bool) -> str:
    paint = Paint.of(ctx)
    parts, width = len(found.rows[0].counts), terminal_width(ctx) or WIDTH
    tail = 8  # what the usual time takes
    longest = max(display_width(row.schedule) for row in found.rows)
    first = max(LEAST, min(longest, max(NAME, width - parts - tail - 4)))
    if width < first + parts + 2:
        first = max(4, width - parts - 2)
    usual = width >= first + parts + tail + 4
    start = found.start.astimezone(zone)
    lines = [paint.bold(f"{padded('', first)}  {_scale(start, found.part_s, parts, week=week)}".rstrip())]
    for row in found.rows:
        took = f"  ~{_short(row.usual_s)}" if usual and row.usual_s is not None else ""
        lines.append(f"{padded(cut(row.schedule, first), first)}  {_bar(row, found.part_s)}{took}".rstrip())
    together = [sum(row.counts[n] for row in found.rows) for n in range(parts)]
    lines.append(paint.dim(f"{padded('ALL', first)}  {''.join(map(_mark, together))}".rstrip()))
    for pile in found.piles:
        who = ", ".join(pile.schedules[:4]) + (
            f" and {len(pile.schedules) - 4} more" if len(pile.schedules) > 4 else ""
        )
        lines.append(cut(f"{pile.at.astimezone(zone):%a %H:%M}  {len(pile.schedules)} at once: {who}", width))
    return "\n".join(lines) + "\n"


def _scale(start: datetime, part_s: int, parts: int, *, week: bool) -> str:
    """Hours, or days, above the parts in which they begin."""
    scale, text = [" "] * (parts + 8), ""
    for n in range(parts):
        at = start + timedelta(seconds=part_s * n)
        if week and at.hour < part_s // 3600:
            text = f"{at:%a}"
        elif not week and at.minute == 0 and at.hour % 3 == 0:
            text = f"{at:%H}"
        else:
            continue
        scale[n : n + len(text)] = text
    return "".join(scale).rstrip()


def _bar(row: CalendarRow, part_s: int) -> str:
    marks = [_mark(count) for count in row.counts]
    runs = 0.0
    for n, count in enumerate(row.counts):
        if count:
            runs = (row.usual_s or 0) - part_s
        elif runs > 0:
            marks[n], runs = "-", runs - part_s
    return "".join(marks)


def _mark(count: int) -> str:
    return "." if not count else str(count) if count < 10 else "+"


def _short(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 120:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 7_200 else f"{seconds / 3600:.0f}h"
