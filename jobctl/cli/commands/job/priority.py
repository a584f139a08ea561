"""`jobctl job priority`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found

PriorityArgument = Annotated[str, typer.Argument(metavar="PRIORITY", help="high, normal, low, or -1000 to 1000.")]


@command
def priority(
    ctx: Context,
    targets: Targets,
    priority: PriorityArgument,
    queue: InQueue = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    max: Max = None,  # noqa: A002 - the option's name
) -> int:
    """Change the priority of jobs that have not started.

    Waiting and limited ones move to their new place at once; delayed and retrying ones have it when they are due.

    Example: jobctl job priority queue:email args.customer=42 high --dry-run
    """
    from jobctl.ops import change
    from jobctl.producer import read_priority
    from jobctl.store.data.states import allowing

    number = read_priority(priority)
    states = allowing("priority")

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.prioritise(ctx.store(retries=2), jobs, number)

    return change_jobs(ctx, f"give the priority {number} to", targets, states, apply, (yes, dry_run, max), queue)
