"""`jobctl job cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def cancel(
    ctx: Context,
    selected: Selected,
    answers: Answers,
    timeout: Annotated[
        str,
        typer.Option("--timeout", metavar="TIME", help="How long to wait for running jobs to stop; 0s does not wait."),
    ] = "10s",
) -> int:
    """Cancel jobs.

    Running jobs are asked to stop: a Python function gets an exception, a coroutine is cancelled, a command gets
    SIGTERM, a request is closed. The exit code is 6 if one still runs after --timeout.

    Example: jobctl job cancel queue:email job:newsletter --dry-run
    """
    from jobctl.ops.bulk import verbs
    from jobctl.ops.when import parse_delay

    return change(ctx, verbs.cancel(timeout_s=parse_delay(timeout, "--timeout") / 1000), selected, answers)
