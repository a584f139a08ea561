"""`jobctl worker stop`."""

from __future__ import annotations

from jobctl.cli.commands.worker._order import Names, order
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def stop(ctx: Context, names: Names, reason: Reason = "") -> None:
    """Let running workers finish what they run, and end.

    As after SIGTERM: running jobs have the worker's --grace to finish, and what is left is requeued. The worker ends
    with exit code 0; a service manager may start it again. The command waits until it has begun to stop.

    Example: jobctl worker stop web-7:4211
    """
    order(ctx, "stop", names, lambda row: row.state == "stopping", "stops", reason, stop=True)
