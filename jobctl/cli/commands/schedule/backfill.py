"""`jobctl schedule backfill`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk.confirm import Change, confirm
from jobctl.cli.commands.schedule._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.catalog.units import Rate


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
) -> None:
    """Enqueue the ticks between two times that have no job: missed, skipped, paused, or before there was a scheduler.

    Each tick gets one job at most, with the payload of its time: the command may be repeated, also after it was
    interrupted. Pauses and `overlap` do not hold it back. Times that are older than the history are refused.

    Example: jobctl schedule backfill daily-report --since 2026-11-21 --until 2026-11-23 --dry-run
    """
    from jobctl import clock
    from jobctl.ops.schedules import fill
    from jobctl.ops.when import parse_past

    if not dry_run:
        ctx.require_writable("backfill schedules")
    store, catalog = ctx.store(), ctx.catalog()
    since_ms, until_ms = parse_past(since), None if until is None else parse_past(until)
    allowed = None if rate is None else _rate(rate)
    found = fill.gap(store, catalog, name, since_ms, until_ms)
    ticks = [clock.to_datetime(tick).isoformat(timespec="seconds").replace("+00:00", "Z") for tick in found.missing]
    if dry_run:
        ctx.stdout.write("".join(f"{tick}\n" for tick in ticks))
        ctx.say(f"{len(ticks):,} ticks have no job, {found.done:,} have one; nothing was changed")
        return
    confirm(ctx, Change("enqueue", "missed ticks", len(ticks), ticks), yes=yes, maximum=maximum)
    enqueued = 0
    for _, _, job in fill.fill(store, catalog, found, allowed):
        if job is not None and job.fresh:
            enqueued += 1
            ctx.stdout.write(f"{job.id}\n")
    ctx.say(f"{enqueued:,} ticks enqueued" + (f", {found.done:,} had a job" if found.done else ""))


def _rate(text: str) -> Rate:
    from jobctl.catalog.units import parse_rate

    try:
        return parse_rate(text.strip())
    except ValueError as problem:
        raise UsageError(f"--rate: {problem}") from None
