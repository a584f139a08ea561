"""`jobctl schedule run`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.schedule._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.view.enqueued import show


@command
def run(
    ctx: Context,
    name: Name,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="As for a tick at this time of the past.", show_default=False),
    ] = None,
    reason: Reason = "",
) -> None:
    """Enqueue a schedule's job now, whatever its history says, and print the job's id.

    The payload is that of a tick now, or at --at. A pause of the schedule does not hold it back. It is noted in the
    history as run by hand.

    Example: jobctl schedule run daily-report --at 2026-11-24T09:00
    """
    from jobctl.ops.schedules import fill
    from jobctl.ops.when import parse_past

    ctx.require_writable("run schedules")
    catalog, at_ms = ctx.catalog(), None if at is None else parse_past(at)
    ctx.because(reason)
    store = ctx.store()
    show(ctx, store, fill.run(store, catalog, name, at_ms))
