"""`jobctl schedule ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.schedule._columns import columns
from jobctl.cli.commands.schedule._shared import NO_SCHEDULER, Names
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def ls(
    ctx: Context,
    names: Names = None,
    retired: Annotated[
        bool, typer.Option("--retired", help="Also list schedules that no scheduler has had for an hour.")
    ] = False,
) -> None:
    """List schedules: when each is due, what became of its last tick, its policy, its pause.

    LAST is what became of the latest tick, or of its job once that has ended. A schedule that only another catalog
    has is listed without its times.

    Example: jobctl schedule ls
    """
    from jobctl.ops.schedules import look
    from jobctl.ops.schedules.check import alive

    store, catalog = ctx.store(), ctx.catalog_for_a_look()
    rows = [row for row in look.ls(store, catalog, names or ()) if retired or not row.retired]
    ctx.emit(rows, columns(ctx), empty="no schedules")
    if not all(row.retired for row in rows) and not alive(store):
        ctx.say(NO_SCHEDULER)
