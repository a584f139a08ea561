"""`jobctl alert mute`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.alert._shared import Those, columns
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.until import For, Until, end_of
from jobctl.cli.view.lines import moment
from jobctl.errors import UsageError


@command
def mute(
    ctx: Context,
    names: Those,
    duration: For = None,
    until: Until = None,
    off: Annotated[bool, typer.Option("--off", help="Tell again from now on.")] = False,
    reason: Reason = "",
) -> None:
    """Tell nobody of an alert, for a time or until `--off`; its state still moves.

    If it still fires when the time is over, or has ended meanwhile and someone was told that it fires, a notice is sent
    then.

    Example: jobctl alert mute dead-letters --for 2h --reason 'vendor is down'
    """
    from jobctl import clock
    from jobctl.ops.alerts import look

    if off and (duration or until):
        raise UsageError("--off takes no time", "leave out --for and --until")
    ctx.require_writable("mute alerts")
    ctx.because(reason)
    catalog, store = ctx.catalog(), ctx.store()
    until_ms = end_of(duration, until, store.processes.now_ms)
    if off:
        look.unmute(store, catalog, names)
    else:
        look.mute(store, catalog, names, until_ms, reason)
    if ctx.output is not Output.TABLE:
        ctx.emit(look.ls(store, catalog, names), columns(ctx))
    wanted = " ".join(dict.fromkeys(names))
    end = moment(ctx, clock.to_datetime(until_ms)) if until_ms else f"`jobctl alert mute {wanted} --off`"
    ctx.say(f"{', '.join(dict.fromkeys(names))}: " + ("not muted any more" if off else f"muted until {end}"))
