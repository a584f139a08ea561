"""`jobctl worker quiet`."""

from __future__ import annotations

from jobctl.cli.commands.worker._order import Names, order
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def quiet(ctx: Context, names: Names, reason: Reason = "") -> None:
    """Let running workers take no more jobs; what they run goes on.

    It holds until `jobctl worker resume`, or until the worker ends; other workers take the jobs meanwhile. The command
    waits until the workers obey, 15 s at most.

    Example: jobctl worker quiet web-7
    """
    order(ctx, "quiet", names, lambda row: row.state != "running", "takes no more jobs", reason, quiet=True)
