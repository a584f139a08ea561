"""`--watch`: the same look again every second, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jobctl.cli.context import Context, Output
from jobctl.cli.view.output import stream
from jobctl.cli.view.table import Column, Table

EVERY_S = 1.0


def watch(
    ctx: Context, read: Callable[[], list[Any]], columns: Sequence[Column], lay_out: Callable[[list[Any]], Table]
) -> NoReturn:
    """Show what `read` returns again and again; `lay_out` makes a table of it. Ends by Ctrl-C."""
    if ctx.stdout_is_tty and ctx.output is Output.TABLE:
        _redraw(ctx, lambda: lay_out(read()).whole)
    _repeat(ctx, read, columns, lay_out)


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
    ctx: Context, read: Callable[[], list[Any]], columns: Sequence[Column], lay_out: Callable[[list[Any]], Table]
) -> NoReturn:
    """A block each time, for a program: JSON becomes a record a line, since the list has no end."""
    while True:
        rows = read()
        if ctx.output in (Output.JSON, Output.JSONL):
            stream(ctx, rows, columns)
        else:
            if ctx.output is Output.TABLE:
                ctx.stdout.write(lay_out(rows).text)
            else:
                ctx.emit(rows, columns)
            ctx.stdout.write("\n")
            ctx.stdout.flush()
        time.sleep(EVERY_S)
