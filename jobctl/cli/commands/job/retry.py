"""`jobctl job retry`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def retry(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Run dead or cancelled jobs again, and delayed ones now.

    They keep their ids and get all their retries again.

    Example: jobctl job retry 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops.bulk import verbs

    return change(ctx, verbs.retry(), selected, answers)
