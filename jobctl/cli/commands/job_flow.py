"""`jobctl job priority|release`: what decides when a job may start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.job_change import DryRun, Max, Targets, Yes, by_id, change_jobs
from jobctl.cli.context import Context
from jobctl.cli.options import command

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found

PriorityArgument = Annotated[str, typer.Argument(metavar="PRIORITY", help="high, normal, low, or -1000 to 1000.")]


@command
def priority(
    ctx: Context,
    targets: Targets,
    priority: PriorityArgument,
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

    number = read_priority(priority)
    states = ("waiting", "limited", "delayed", "retrying")

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.prioritise(ctx.store(retries=2), jobs, number)

    return change_jobs(ctx, f"give the priority {number} to", targets, states, apply, (yes, dry_run, max))


@command
def release(ctx: Context, targets: Targets, yes: Yes = False, dry_run: DryRun = False, max: Max = None) -> int:  # noqa: A002
    """Free the unique keys that jobs hold.

    Another job with the key can be enqueued then; nothing else about these changes. Exit 4 if a job holds none.

    Example: jobctl job release 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.records import STATES

    every = by_id(targets)

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.release(ctx.store(retries=2), jobs, all_of_them=every)

    return change_jobs(ctx, "free the unique keys of", targets, STATES, apply, (yes, dry_run, max))
