"""`jobctl schedule pause`."""

from __future__ import annotations

from jobctl.cli.commands.schedule._shared import Those, show_changed
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.until import For, Until, end_of
from jobctl.cli.view.lines import moment


@command
def pause(
    ctx: Context,
    names: Those,
    duration: For = None,
    until: Until = None,
    reason: Reason = "",
) -> None:
    """Let a schedule's ticks pass without a job; each is noted as paused in its history.

    Jobs that its earlier ticks enqueued go on. Ticks that passed are not made up for when it is resumed: `schedule
    backfill` does that.

    Example: jobctl schedule pause daily-report --until tomorrow\\ 09:00 --reason 'report server is down'
    """
    from jobctl import clock
    from jobctl.ops.schedules import change

    ctx.require_writable("pause schedules")
    ctx.because(reason)
    store = ctx.store()
    until_ms = end_of(duration, until, store.processes.now_ms)
    change.pause(store, ctx.catalog(), names, until_ms, reason)
    show_changed(ctx, store, names)
    wanted = " ".join(dict.fromkeys(names))
    end = moment(ctx, clock.to_datetime(until_ms)) if until_ms else f"`jobctl schedule resume {wanted}`"
    ctx.say(f"paused {', '.join(dict.fromkeys(names))} until {end}")
