"""`jobctl op abort`."""

from __future__ import annotations

from jobctl.cli.commands.op._shared import Operation, give
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def abort(ctx: Context, operation: Operation, reason: Reason = "") -> None:
    """End a change that workers and schedulers carry on, for good.

    It changes nothing more; what was released goes on.

    Example: jobctl op abort 7k2m9q
    """
    give(ctx, operation, "abort", reason)
