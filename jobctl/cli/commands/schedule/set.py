"""`jobctl schedule set`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.schedule._shared import Name, show_changed
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.until import For, Until, end_of
from jobctl.cli.view.lines import moment
from jobctl.errors import UsageError

Cron = Annotated[
    str | None, typer.Option("--cron", metavar="CRON", help="Be due at these times instead.", show_default=False)
]
Every = Annotated[
    str | None,
    typer.Option("--every", metavar="DURATION", help="Be due after each such time instead.", show_default=False),
]
Zone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Read --cron in this zone.", show_default=False),
]


@command
def set(  # noqa: A001 - the verb
    ctx: Context,
    name: Name,
    cron: Cron = None,
    every: Every = None,
    timezone: Zone = None,
    reset: Annotated[bool, typer.Option("--reset", help="Bring the catalog's times back.")] = False,
    duration: For = None,
    until: Until = None,
    reason: Reason = "",
) -> None:
    """Change when a schedule is due, without a deploy, permanently or for a time.

    Schedulers follow within two seconds. The schedule is not due for the past of its new times.

    Example: jobctl schedule set daily-report --cron "*/30 * * * *" --for 2h
    """
    from jobctl import clock
    from jobctl.catalog.ticks import with_times
    from jobctl.catalog.words import words
    from jobctl.ops.schedules import change
    from jobctl.ops.schedules.known import period_of
    from jobctl.ops.when import parse_delay

    ctx.require_writable("change schedules")
    if reset and any(given is not None for given in (cron, every, timezone, duration, until)):
        raise UsageError("--reset goes alone")
    ctx.because(reason)
    store, catalog = ctx.store(), ctx.catalog()
    if reset:
        done = change.reset(store, catalog, name)
        show_changed(ctx, store, [name])
        ctx.say(f"{name} is due as the catalog says" if done else f"nothing was set by hand for {name}")
        return
    until_ms = end_of(duration, until, store.processes.now_ms)
    every_ms = None if every is None else parse_delay(every, "--every")
    said = change.set_times(
        store, catalog, name, cron=cron, every_ms=every_ms, timezone=timezone, until_ms=until_ms, reason=reason
    )
    show_changed(ctx, store, [name])
    end = moment(ctx, clock.to_datetime(until_ms)) if until_ms else f"`jobctl schedule set {name} --reset`"
    now_due = words(with_times(catalog.schedules[name], period_of(said)))
    ctx.say(f"{name} is now due {now_due}, until {end}")
