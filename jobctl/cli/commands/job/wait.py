"""`jobctl job wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import COLUMNS, IdsArgument, InQueue
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.tell import tell
from jobctl.errors import NothingMatched


@command
def wait(
    ctx: Context,
    ids: IdsArgument,
    queue: InQueue = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout", metavar="TIME", help="Give up after this long, with exit code 6: 30s, 5m.", show_default=False
        ),
    ] = None,
) -> int:
    """Wait until jobs have ended.

    Exit 0 if all completed, 7 if one died or was cancelled, 6 if the time ran out.

    Example: jobctl job wait 1m80w17s0w7jd106qwm2 --timeout 5m
    """
    from jobctl.cli.view.bar import Bars
    from jobctl.ops import jobs as ops
    from jobctl.ops import waiting
    from jobctl.ops.when import parse_delay

    timeout_s = None if timeout is None else parse_delay(timeout, "--timeout") / 1000
    store = ctx.store(retries=2)
    found, errors = ops.locate_all(store, ids, queue)
    left = [job.ref for job in found]
    jobs = []
    with Bars(ctx) as bars:
        for ref in waiting.ended(store, list(left), timeout_s, bars.seen):
            bars.ended(ref)
            left.remove(ref)
            try:
                job = ops.find(store, ref.id, ref.queue)
            except NothingMatched as error:
                errors.append(error)
                continue
            jobs.append(job)
            if (died := waiting.verdict(job)) is not None:
                errors.append(died)
            else:
                ctx.say(f"job {job.id} completed")
    if ctx.output is not Output.TABLE:
        ctx.emit(jobs[0] if jobs and len(set(ids)) == 1 else jobs, COLUMNS)
    return tell(ctx, [*errors, *(waiting.timed_out(ref.id, timeout_s) for ref in left)])
