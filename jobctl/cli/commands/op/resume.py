"""`jobctl op resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.pacing import follow
from jobctl.cli.commands.op._shared import Operation, give
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def resume(
    ctx: Context,
    operation: Operation,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it from here until it is over.")] = False,
    reason: Reason = "",
) -> int:
    """Go on with a change that was paused, or that stopped since too many jobs failed again.

    Its canary and --abort-if-failing look only at jobs that it releases from now on.

    Example: jobctl op resume 7k2m9q
    """
    store = give(ctx, operation, "resume", reason)
    return follow(ctx, store, operation) if wait else 0
