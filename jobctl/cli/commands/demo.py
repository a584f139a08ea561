"""`jobctl demo`."""

from __future__ import annotations

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def demo(ctx: Context) -> None:
    """Show all of jobctl at work in a temporary folder, in under a minute.

    Server, workers and scheduler run in a temporary folder; every step is checked, and nothing is left behind.
    """
    from jobctl.demo.stage import run

    run(ctx.stdout, color=ctx.color)
