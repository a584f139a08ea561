"""`jobctl alert ls`."""

from __future__ import annotations

from jobctl.cli.commands.alert._shared import NO_SCHEDULER, Names, columns
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def ls(ctx: Context, names: Names = None) -> None:
    """List the alerts of the catalog: the state of each, since when, what was found, who was told.

    An alert is pending until its condition has held for as long as its `for` says; then it is firing. NOTICE is what
    became of the latest notice, TOLD when one last got through.

    Example: jobctl alert ls
    """
    from jobctl.ops.alerts import look
    from jobctl.ops.schedules.check import alive

    catalog, store = ctx.catalog(), ctx.store()
    rows = look.ls(store, catalog, names or ())
    ctx.emit(rows, columns(ctx), empty="no alerts: the catalog has no `alerts`")
    if rows and not alive(store):
        ctx.say(NO_SCHEDULER)
