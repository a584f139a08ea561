"""`jobctl top`."""

from __future__ import annotations

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError

HANGS_S = 3.0
"""A Redis that is silent for so long is away."""


@command
def top(ctx: Context) -> None:
    """Watch queues, jobs, errors, workers and schedules on one screen; retry, cancel and pause by key.

    Needs no mouse and no colours; ? shows the keys. If Redis is away it says so, and goes on when it is back.

    Example: jobctl top
    """
    if ctx.output is not Output.TABLE:
        raise UsageError(
            "top is a screen for people", "programs ask `jobctl stats -o json` or `jobctl queue ls -o json`"
        )
    if not (ctx.can_ask and ctx.stdout_is_tty):
        raise UsageError(
            "top needs a terminal", "without one, use `jobctl triage`, `jobctl stats` or `jobctl queue ls`"
        )
    catalog, store = ctx.catalog_for_a_look(), ctx.store(retries=1, timeout_s=HANGS_S)
    from jobctl.cli.top.app import Top
    from jobctl.faces.change import Changes
    from jobctl.faces.sampler import Sampler

    Top(ctx, Sampler(store, catalog), Changes(store, catalog, ctx.settings, ctx.require_writable)).run(mouse=False)
