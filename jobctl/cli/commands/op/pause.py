"""`jobctl op pause`."""

from __future__ import annotations

from jobctl.cli.commands.op._shared import Operation, give
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def pause(ctx: Context, operation: Operation, reason: Reason = "") -> None:
    """Pause a change that workers and schedulers carry on.

    What was released goes on; `jobctl op resume` goes on with the next job.

    Example: jobctl op pause 7k2m9q
    """
    give(ctx, operation, "pause", reason)
