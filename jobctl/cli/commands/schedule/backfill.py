"""`jobctl schedule backfill`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk.confirm import Change, confirm
from jobctl.cli.commands.schedule._shared import Name
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.catalog.units import Rate
    from jobctl.ops.schedules.fill import Filled, Gap


@command
def backfill(
    ctx: Context,
    name: Name,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="The first time: 2d, 2026-11-22T00:00Z.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="The last time instead of now.", show_default=False)
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="RATE", help="Start at most so many: 10/m.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which ticks have no job.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    maximum: Annotated[
        int | None, typer.Option("--max", min=1, help="Refuse if more ticks have no job.", show_default=False)
    ] = None,
    reason: Reason = "",
) -> int:
    """Enqueue the ticks between two times that have no job: missed, skipped, paused, or before there was a scheduler.

    Each tick gets one job at most, with the payload of its time: the command may be repeated, also after it was
    interrupted. A tick that `schedule run --at` has run has a job. Times set by hand count for as long as they held.
    Pauses and `overlap` do not hold it back. Times that are older than the history are refused.

    Example: jobctl schedule backfill daily-report --since 2026-11-21 --until 2026-11-23 --dry-run
    """
    from jobctl import clock
    from jobctl.ops.schedules import fill
    from jobctl.ops.when import parse_past

    if not dry_run:
        ctx.require_writable("backfill schedules")
    ctx.because(reason)
    store, catalog = ctx.store(), ctx.catalog()
    since_ms, until_ms = parse_past(since), None if until is None else parse_past(until)
    allowed = None if rate is None else _rate(rate)
    found = fill.gap(store, catalog, name, since_ms, until_ms)
    if dry_run:
        return _preview(ctx, found)
    count = len(found.missing)
    change = Change("enqueue", _ticks(count).partition(" ")[2], count, [clock.iso(tick) for tick in found.missing])
    confirm(ctx, change, yes=yes, maximum=maximum)
    return _report(ctx, found, fill.fill(store, catalog, found, allowed))


def _preview(ctx: Context, found: Gap) -> int:
    from jobctl import clock
    from jobctl.ops.schedules import fill

    if ctx.output in (Output.TABLE, Output.NAME):
        ctx.stdout.write("".join(f"{clock.iso(tick)}\n" for tick in found.missing))
    else:
        ctx.emit(fill.missing(found), ())
    ctx.say(f"{_ticks(len(found.missing))} without a job, {found.done:,} with one; nothing was changed")
    return 0


def _report(ctx: Context, found: Gap, filling: Iterator[Filled]) -> int:
    """Print what becomes of the ticks while they are filled; the exit code."""
    told = Counter[str]()
    filled = _counted(filling, told)
    if ctx.output in (Output.TABLE, Output.NAME):
        for tick in filled:
            if tick.outcome == "enqueued":
                ctx.stdout.write(f"{tick.job}\n")
    else:
        ctx.emit(filled, ())
    ctx.say(f"enqueued {_ticks(told['enqueued'])}" + (f"; {found.done:,} had a job" if found.done else ""))
    if told["held"]:
        ctx.say(
            f"{_ticks(told['held'])} got no job, since another job holds the unique key: repeat this when it has ended"
        )
    return 1 if told["held"] else 0


def _counted(filled: Iterator[Filled], told: Counter[str]) -> Iterator[Filled]:
    for tick in filled:
        told[tick.outcome] += 1
        yield tick


def _ticks(count: int) -> str:
    return f"{count:,} tick{'' if count == 1 else 's'}"


def _rate(text: str) -> Rate:
    from jobctl.catalog.units import parse_rate

    try:
        return parse_rate(text.strip())
    except ValueError as problem:
        raise UsageError(f"--rate: {problem}") from None
