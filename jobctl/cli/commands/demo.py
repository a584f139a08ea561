"""`jobctl demo`."""

from __future__ import annotations

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def demo(ctx: Context) -> None:
    """Show all of jobctl at work in a temporary folder, in under a minute.

    Server, workers and scheduler run in a temporary folder. Every step is checked; the folder is removed at the end.

    Example: jobctl demo
    """
    from jobctl.demo.stage import run

    run(ctx.stdout, color=ctx.color)
