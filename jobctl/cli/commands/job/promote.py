"""`jobctl job promote`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found


@command
def promote(
    ctx: Context,
    targets: Targets,
    queue: InQueue = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    max: Max = None,  # noqa: A002 - the option's name
) -> int:
    """Let delayed and retrying jobs run now.

    Example: jobctl job promote 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.states import allowing

    states = allowing("promote")

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.promote(ctx.store(retries=2), jobs)

    return change_jobs(ctx, "promote", targets, states, apply, (yes, dry_run, max), queue)
