"""`jobctl schedule resume`."""

from __future__ import annotations

from jobctl.cli.commands.schedule._shared import Those, show_changed
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def resume(ctx: Context, names: Those, reason: Reason = "") -> None:
    """End the pause of schedules: their next ticks are enqueued again.

    Example: jobctl schedule resume daily-report
    """
    from jobctl.ops.schedules import change

    ctx.require_writable("resume schedules")
    ctx.because(reason)
    store = ctx.store()
    resumed = change.resume(store, ctx.catalog(), names)
    show_changed(ctx, store, names)
    for name, was in resumed.items():
        ctx.say(f"resumed {name}" if was else f"{name} was not paused")
