"""`jobctl job retry`."""

from __future__ import annotations

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def retry(ctx: Context, targets: Targets, yes: Yes = False, dry_run: DryRun = False, max: Max = None) -> int:  # noqa: A002
    """Run dead or cancelled jobs again, delayed ones now.

    They keep their ids and get a fresh budget of retries.

    Example: jobctl job retry 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.states import allowing

    states = allowing("retry")
    return change_jobs(
        ctx, "retry", targets, states, lambda jobs: change.retry(ctx.store(retries=2), jobs), (yes, dry_run, max)
    )
