"""`jobctl schedule history`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.schedule._shared import Names, name_of
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.lines import moment
from jobctl.cli.view.paint import style_of
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.schedules.look import PastTick

PAGE = 50


@command
def history(
    ctx: Context,
    names: Names = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=1, help=f"Show so many; {PAGE} in a table, all in other formats.", show_default=False
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only ticks due since: 2d, 2026-11-22.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only ticks due until then.", show_default=False)
    ] = None,
) -> None:
    """Show what became of the ticks of schedules, the latest first: enqueued, missed or skipped, and why.

    Without a NAME it is those of all schedules. The latest 10,000 ticks of a schedule are kept, for 400 days. OUTCOME
    is the state of the tick's job once that has ended.

    Example: jobctl schedule history daily-report --since 7d
    """
    from jobctl.ops.schedules import look
    from jobctl.ops.when import parse_past

    since_ms, until_ms = (None if text is None else parse_past(text) for text in (since, until))
    rows = look.history(ctx.store(), ctx.catalog_for_a_look(), names or (), since_ms=since_ms, until_ms=until_ms)
    shown = limit or (PAGE if ctx.output is Output.TABLE else None)
    ctx.emit(islice(rows, shown), _columns(ctx, several=len(names or ()) != 1), empty="no ticks yet")
    if shown is not None and next(rows, None) is not None:
        ctx.say(f"these are the latest {shown:,}; older ones with --limit or --until")


def _columns(ctx: Context, *, several: bool) -> tuple[Column, ...]:
    return (
        Column("DUE", lambda row: name_of(ctx, row.due_at) or moment(ctx, row.due_at), importance=10),
        *([Column("SCHEDULE", "schedule", importance=9, least=NAME)] if several else []),
        Column("OUTCOME", "outcome", importance=9, style=style_of),
        Column("HOW", _how, importance=5),
        Column("JOB", "job", importance=7),
        Column("LATE", _late, right=True, importance=6),
        Column("TOOK", _took, right=True, importance=4),
        Column("WHY", "why", importance=8, least=20, wrap=True),
    )


def _how(row: PastTick) -> str | None:
    return None if row.how == "tick" else row.how.replace("_", " ")


def _late(row: PastTick) -> str | None:
    return None if row.late_s is None else f"{row.late_s:.1f}s"


def _took(row: PastTick) -> str | None:
    return None if row.took_s is None else f"{row.took_s:.1f}s"
