"""`jobctl job promote`."""

from __future__ import annotations

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def promote(ctx: Context, targets: Targets, yes: Yes = False, dry_run: DryRun = False, max: Max = None) -> int:  # noqa: A002
    """Let delayed and retrying jobs run now.

    Example: jobctl job promote 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.states import allowing

    states = allowing("promote")
    return change_jobs(
        ctx, "promote", targets, states, lambda jobs: change.promote(ctx.store(retries=2), jobs), (yes, dry_run, max)
    )
