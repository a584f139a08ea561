"""`jobctl dead mute`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import InQueue
from jobctl.cli.commands.dead._shared import show_noted
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def mute(
    ctx: Context,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="An error group, as `dead groups` names it.")],
    until: Annotated[
        int | None,
        typer.Option(
            "--until",
            metavar="N",
            min=0,
            help="Until it has more than N (default: twice as many as now).",
            show_default=False,
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Show it again.")] = False,
    queue: InQueue = None,
    reason: Reason = "",
) -> int:
    """Leave a known error group out of the table of `dead groups` until it grows.

    Machine formats, other commands and `doctor` still have it.

    Example: jobctl dead mute 45d3 --until 500
    """
    from jobctl.ops import groups

    ctx.require_writable("mute groups")
    ctx.because(reason)
    return show_noted(ctx, group, queue, lambda store, row: groups.mute(store, row, until, off=off))
