"""`jobctl job show`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import COLUMNS, IdsArgument, InQueue
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit
from jobctl.cli.view.tell import tell
from jobctl.errors import UsageError


@command
def show(
    ctx: Context,
    ids: IdsArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second until the job has ended.")] = False,
    queue: InQueue = None,
    unredacted: Unredacted = False,
) -> int:
    """Show everything known about a job.

    In any state: payload, progress, times, every attempt, the last traceback, the result, and what a job waits for.

    Example: jobctl job show 1m80w17s0w7jd106qwm2 -o json
    """
    from jobctl.ops import held
    from jobctl.ops.audit import touched
    from jobctl.ops.jobs import locate_all

    store = ctx.store(retries=2)
    if unredacted:
        audit(ctx, store, "job show", ids)
    if watch:
        from jobctl.cli.view.follow import watch_job

        if len(set(ids)) > 1:
            raise UsageError("--watch takes exactly one job id")
        watch_job(ctx, store, ids[0], queue, unredacted=unredacted)
        return 0
    found, errors = locate_all(store, ids, queue)
    jobs = [touched(store, held.shown(store, job, unredacted=unredacted)) for job in found]
    if ctx.output is Output.TABLE:
        from jobctl.cli.view.card import card

        ctx.stdout.write("\n".join(card(ctx, job) for job in jobs))
    else:
        ctx.emit(jobs[0] if jobs and len(set(ids)) == 1 else jobs, COLUMNS)
    return tell(ctx, errors)
