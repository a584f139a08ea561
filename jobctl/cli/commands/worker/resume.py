"""`jobctl worker resume`."""

from __future__ import annotations

from jobctl.cli.commands.worker._order import Names, order
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def resume(ctx: Context, names: Names, reason: Reason = "") -> None:
    """Let workers that were told to be quiet take jobs again.

    Example: jobctl worker resume web-7
    """
    order(ctx, "resume", names, lambda row: row.state != "quiet", "takes jobs", reason, quiet=False)
