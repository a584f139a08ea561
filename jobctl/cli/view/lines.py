"""One line an event or log line, for a person who watches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobctl import clock
from jobctl.cli.context import Context, Times
from jobctl.cli.view.cell import iso
from jobctl.cli.view.paint import Paint
from jobctl.cli.view.table import GAP, cut, display_width, padded, terminal_width
from jobctl.store.data.records import Event
from jobctl.store.nouns.logs import LogLine
from jobctl.text import first_line, sanitize

SHORT, VERY_SHORT = 24, 10
"""Where fewer columns are left in a line, only the most telling fact is shown; then the time and the alignment go."""


class EventLines:
    """Lines of `jobctl tail`. Columns grow with what has been seen, so that they stay in line."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._paint = Paint.of(ctx)
        self._type_width = 12

    def line(self, event: Event) -> str:
        """One event; cut to the terminal's width, whole in a pipe."""
        paint = self._paint
        kind = sanitize(event.event, limit=20)
        type_ = sanitize(event.type, limit=40)
        self._type_width = max(self._type_width, display_width(type_))
        name = f"{paint.glyph(kind)}{kind:<9}"
        parts = [moment(self._ctx, event.at), name, padded(type_, self._type_width), sanitize(event.id)]
        width = terminal_width(self._ctx)
        facts = _facts(event)
        if width is not None and _room(parts, width) < SHORT:
            facts = facts[-1:]
            parts = parts if _room(parts, width) >= VERY_SHORT else parts[1:]
            parts = parts if _room(parts, width) >= VERY_SHORT else [part.rstrip() for part in parts]
        rest = "  ".join(facts)
        if width is not None:
            rest = cut(rest, room) if (room := _room(parts, width)) > 3 else ""
        return GAP.join((*parts, rest)).rstrip().replace(name.rstrip(), paint.state(kind, name.rstrip()), 1)


def _facts(event: Event) -> list[str]:
    """What else there is to say of an event, the most telling last."""
    error = sanitize(f"{event.error}: {first_line(event.message)}", limit=400) if event.error else ""
    attempt, label = f"#{event.attempt}" if event.attempt else "", sanitize(event.label or "", limit=80)
    return [part for part in (attempt, _took(event.duration_s), label, error) if part]


def _room(parts: Sequence[str], width: int) -> int:
    """How many columns of a line are left after its first parts."""
    return width - sum(display_width(part) + len(GAP) for part in parts)


def log_line(ctx: Context, line: LogLine, *, many_attempts: bool) -> str:
    """One line that a job wrote: time, stream if it is not stdout, text."""
    paint = Paint.of(ctx)
    attempt = f"#{line.attempt} " if many_attempts else ""
    stream = "" if line.stream == "stdout" else paint.dim(f"{sanitize(line.stream)}: ")
    return f"{paint.dim(moment(ctx, clock.to_datetime(line.at)))}  {attempt}{stream}{sanitize(line.text)}"


def moment(ctx: Context, at: datetime) -> str:
    """The time of day here, with the date if it was another day."""
    if ctx.times is Times.ISO:
        return iso(at)
    local = at.astimezone()
    today = clock.to_datetime(clock.now_ms()).astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%m-%d %H:%M:%S}"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
