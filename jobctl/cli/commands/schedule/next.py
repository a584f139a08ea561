"""`jobctl schedule next`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.schedule._shared import Names, name_of
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.schedules.look import NextTick


def _columns(ctx: Context) -> tuple[Column, ...]:
    return (
        Column("LOCAL", lambda tick: name_of(ctx, tick.at) or f"{tick.local:%a %Y-%m-%d %H:%M:%S %Z}", importance=9),
        Column("UTC", lambda tick: f"{tick.at:%Y-%m-%d %H:%M:%SZ}", importance=6),
        Column("SCHEDULE", "schedule", importance=7, least=NAME),
        Column("NOTE", _note, importance=8),
    )


def _note(tick: NextTick) -> str | None:
    said = ["paused"] if tick.paused else []
    return ", ".join([*said, "clocks change"] if tick.clocks_change else said) or None


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

    NOTE marks ticks that will pass without a job since the schedule is paused, and the first tick after a change of
    the clocks. Times set by hand, and pauses, are shown if Redis answers.

    Example: jobctl schedule next daily-report -n 20 --from 2026-10-20
    """
    from jobctl import clock
    from jobctl.errors import RedisUnavailable
    from jobctl.ops.schedules import known, look
    from jobctl.ops.when import parse_at

    catalog = ctx.catalog()
    after = clock.now_ms() if start is None else parse_at(start) - 1
    schedules, paused = known.named(catalog.schedules, names or ()), {}
    try:
        schedules = known.named(known.effective(ctx.store(), catalog), names or ())
        paused = look.pauses(ctx.store(), schedules)
    except RedisUnavailable:
        ctx.say("Redis does not answer: these are the catalog's times")
    ctx.emit(look.upcoming(schedules, paused, after, count), _columns(ctx), empty="no ticks: nothing is due any more")
    if len(schedules) > 1:
        ctx.say(f"these are at most {count:,} ticks of each of {len(schedules):,} schedules; more with -n")
