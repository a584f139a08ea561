"""`jobctl queue resume`."""

from __future__ import annotations

from jobctl.cli.commands.queue._pauses import PAUSES, All, Names, Types
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.view.lines import moment


@command
def resume(
    ctx: Context, names: Names = None, types: Types = None, everything: All = False, reason: Reason = ""
) -> None:
    """End pauses of queues, job types, or everything.

    --all ends a pause of everything; pauses of single queues and job types remain.

    Example: jobctl queue resume email
    """
    from jobctl.ops import pauses

    ctx.require_writable("resume queues")
    ctx.because(reason)
    store = ctx.store()
    targets = pauses.scopes(store, ctx.catalog_if_any(), names or (), types or (), everything=everything)
    rows = pauses.resume(store, targets)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, PAUSES)
    for row in rows:
        name = pauses.name_of(row)
        ctx.say(f"resumed {name}" if row.changed else f"{name} was not paused")
    for row in pauses.ls(store):
        if everything or row.queue is row.type is None:
            ctx.say(f"{pauses.sentence(row, lambda at: moment(ctx, at))}; `{pauses.resume_command(row)}` ends it")
