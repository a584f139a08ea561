"""`jobctl schedule resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.schedule._shared import NAME_HELP
from jobctl.cli.context import Context
from jobctl.cli.parse import complete
from jobctl.cli.parse.options import command


@command
def resume(
    ctx: Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help=NAME_HELP, autocompletion=complete.schedules, show_default=False),
    ],
) -> None:
    """End the pause of schedules: their next ticks are enqueued again.

    Example: jobctl schedule resume daily-report
    """
    from jobctl.ops.schedules import change

    ctx.require_writable("resume schedules")
    for name, was in change.resume(ctx.store(), ctx.catalog(), names).items():
        ctx.say(f"resumed {name}" if was else f"{name} was not paused")
