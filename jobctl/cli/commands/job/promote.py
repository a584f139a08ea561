"""`jobctl job promote`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def promote(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Run delayed and retrying jobs now.

    Example: jobctl job promote 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops.bulk import verbs

    return change(ctx, verbs.promote(), selected, answers)
