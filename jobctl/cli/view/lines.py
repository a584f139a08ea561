"""One line an event or log line, for a person who watches."""

from __future__ import annotations

import shutil
from datetime import datetime

from jobctl import clock
from jobctl.cli.context import Context, Times
from jobctl.cli.view.output import cut, display_width, iso
from jobctl.cli.view.paint import Paint
from jobctl.store.data.records import Event
from jobctl.store.nouns.logs import LogLine
from jobctl.text import first_line, sanitize


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
        width = self._type_width + len(type_) - display_width(type_)
        plain = f"{moment(self._ctx, event.at)}  {paint.glyph(kind)}{kind:<9}  {type_:<{width}}  {sanitize(event.id)}"
        rest = "  ".join(part for part in self._facts(event) if part)
        head = plain.replace(f"{kind:<9}", paint.state(kind, f"{kind:<9}"), 1)
        room = shutil.get_terminal_size().columns - display_width(plain) - 2 if self._ctx.stdout_is_tty else None
        if room is not None:
            rest = cut(rest, max(room, 10))
        return f"{head}  {rest}".rstrip()

    @staticmethod
    def _facts(event: Event) -> tuple[str, ...]:
        error = sanitize(f"{event.error}: {first_line(event.message)}", limit=400) if event.error else ""
        return (
            f"#{event.attempt}" if event.attempt else "",
            _took(event.duration_s),
            sanitize(event.label or "", limit=80),
            error,
        )


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
