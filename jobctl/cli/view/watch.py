"""`--watch`: the same look again every second, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jobctl.cli.context import Context, Output
from jobctl.cli.view.output import Column, stream

EVERY_S = 1.0


def watch(
    ctx: Context, read: Callable[[], list[Any]], columns: Sequence[Column], text: Callable[[list[Any]], str]
) -> NoReturn:
    """Show what `read` returns again and again; `text` makes a table of it. Ends by Ctrl-C."""
    if ctx.stdout_is_tty and ctx.output is Output.TABLE:
        _redraw(ctx, lambda: text(read()))
    _repeat(ctx, read, columns, text)


def _redraw(ctx: Context, picture: Callable[[], str]) -> NoReturn:
    """One table that is drawn again in its place."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=ctx.stdout, markup=False, highlight=False, no_color=not ctx.color)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(Text.from_ansi(picture()), refresh=True)
            time.sleep(EVERY_S)


def _repeat(
    ctx: Context, read: Callable[[], list[Any]], columns: Sequence[Column], text: Callable[[list[Any]], str]
) -> NoReturn:
    """A block each time, for a program: JSON becomes a record a line, since the list has no end."""
    while True:
        rows = read()
        if ctx.output in (Output.JSON, Output.JSONL):
            stream(ctx, rows, columns)
        else:
            if ctx.output is Output.TABLE:
                ctx.stdout.write(text(rows))
            else:
                ctx.emit(rows, columns)
            ctx.stdout.write("\n")
            ctx.stdout.flush()
        time.sleep(EVERY_S)
