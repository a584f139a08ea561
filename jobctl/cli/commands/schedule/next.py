"""`jobctl schedule next`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.schedule._shared import Names
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import NAME, Column

_COLUMNS = (
    Column("LOCAL", lambda tick: f"{tick.local:%a %Y-%m-%d %H:%M:%S %Z}", importance=9),
    Column("UTC", lambda tick: f"{tick.at:%Y-%m-%d %H:%M:%SZ}", importance=6),
    Column("SCHEDULE", "schedule", importance=7, least=NAME),
    Column("", lambda tick: "clocks change" if tick.clocks_change else None, importance=8),
)


@command
def next(  # noqa: A001 - the verb
    ctx: Context,
    names: Names = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="How many ticks of each.")] = 10,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin after this time instead of now.", show_default=False),
    ] = None,
) -> None:
    """Show when schedules are due next, in their own zone and in UTC.

    "clocks change" marks the first tick after a change of the clocks. The times are those of the catalog, and of what
    is set by hand where Redis answers.

    Example: jobctl schedule next daily-report -n 20 --from 2026-10-20
    """
    from jobctl import clock
    from jobctl.errors import RedisUnavailable
    from jobctl.ops.schedules import known, look
    from jobctl.ops.when import parse_at

    catalog = ctx.catalog()
    after = clock.now_ms() if start is None else parse_at(start) - 1
    schedules = known.named(catalog.schedules, names or ())
    try:
        schedules = known.named(known.effective(ctx.store(), catalog), names or ())
    except RedisUnavailable:
        ctx.say("Redis does not answer: these are the catalog's times")
    ctx.emit(look.upcoming(schedules, after, count), _COLUMNS, empty="no ticks: nothing is due any more")
