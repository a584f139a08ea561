"""`jobctl job rm`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def rm(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Delete completed and cancelled jobs for good.

    For dead jobs use `jobctl dead discard`, which can be undone.

    Example: jobctl job rm 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops.bulk import verbs

    return change(ctx, verbs.remove(), selected, answers)
