"""`jobctl job rm`."""

from __future__ import annotations

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def rm(ctx: Context, targets: Targets, yes: Yes = False, dry_run: DryRun = False, max: Max = None) -> int:  # noqa: A002
    """Delete completed and cancelled jobs for good.

    Dead jobs go by `jobctl dead discard`, to a trash from which they can be restored.

    Example: jobctl job rm 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.states import allowing

    states = allowing("rm")
    return change_jobs(
        ctx, "delete", targets, states, lambda jobs: change.remove(ctx.store(retries=2), jobs), (yes, dry_run, max)
    )
