"""`jobctl job priority`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

PriorityArgument = Annotated[str, typer.Argument(metavar="PRIORITY", help="high, normal, low, or -1000 to 1000.")]


@command
def priority(ctx: Context, selected: Selected, priority: PriorityArgument, answers: Answers) -> int:
    """Change the priority of jobs that have not started.

    Waiting and limited jobs move at once; delayed and retrying jobs take their new place when they are due.

    Example: jobctl job priority queue:email args.customer=42 high --dry-run
    """
    from jobctl.ops.bulk import verbs
    from jobctl.producer import read_priority

    return change(ctx, verbs.prioritise(read_priority(priority)), selected, answers)
