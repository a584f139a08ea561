"""`jobctl job logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.formats import to_json


@command
def logs(
    ctx: Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],  # noqa: A002 - the catalog's word
    queue: InQueue = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Follow until the job has ended.")] = False,
) -> None:
    """Print what a job wrote while it ran.

    The latest 1,000 lines are kept until the job is deleted, or 7 days after the last line (longer if `keep` is).

    Example: jobctl job logs -f 1m80w17s0w7jd106qwm2
    """
    from jobctl.cli.view.lines import log_line
    from jobctl.ops import jobs as ops

    store = ctx.store(retries=2)
    lines = ops.follow_logs(store, id, queue) if follow else iter(ops.logs(store, id, queue))
    if ctx.output in (Output.JSON, Output.YAML) and not follow:
        ctx.emit(list(lines), ())
        return
    shown = 0
    for line in lines:
        shown += 1
        text = log_line(ctx, line, many_attempts=True) if ctx.output is Output.TABLE else to_json(line)
        ctx.stdout.write(f"{text}\n")
        ctx.stdout.flush()
    if not shown:
        ctx.say(f"job {id} has no log lines")
