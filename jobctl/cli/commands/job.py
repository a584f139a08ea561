"""`jobctl job show|ls|logs|wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.options import command
from jobctl.cli.output import STATE_STYLES, Column, failure, to_json
from jobctl.cli.reveal import Unredacted, audit
from jobctl.cli.tell import tell
from jobctl.errors import NothingMatched, UsageError

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of jobs.")]

COLUMNS = (
    Column("ID", "id", keep=True),
    Column("STATE", "state", styles=STATE_STYLES, keep=True),
    Column("TYPE", "type"),
    Column("QUEUE", "queue"),
    Column("LABEL", "label"),
    Column("ATTEMPTS", "attempt_count", right=True),
    Column("ENQUEUED", "enqueued_at", keep=True),
    Column("ERROR", failure),
)


@command
def show(
    ctx: Context,
    ids: IdsArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until it has ended.")] = False,
    unredacted: Unredacted = False,
) -> int:
    """Show everything that is known of a job.

    Its state, whatever that is, payload, progress, times, every attempt, the last traceback, the result.

    Example: jobctl job show 1m80w17s0w7jd106qwm2 -o json
    """
    from jobctl.ops import held
    from jobctl.ops.jobs import locate_all

    store = ctx.store(retries=2)
    if unredacted:
        audit(ctx, store, "job show", ids)
    if watch:
        from jobctl.cli.follow import watch_job

        if len(set(ids)) > 1:
            raise UsageError("--watch shows one job")
        watch_job(ctx, store, ids[0], unredacted=unredacted)
        return 0
    found, errors = locate_all(store, ids)
    jobs = [held.shown(store, job, unredacted=unredacted) for job in found]
    if ctx.output is Output.TABLE:
        from jobctl.cli.card import card

        ctx.stdout.write("\n".join(card(ctx, job) for job in jobs))
    else:
        ctx.emit(jobs[0] if jobs and len(set(ids)) == 1 else jobs, COLUMNS)
    return tell(ctx, errors)


@command
def ls(
    ctx: Context,
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]…", help="state:dead job:send-* error~timeout since:2h", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 50,
    unredacted: Unredacted = False,
) -> None:
    """List jobs, the newest first.

    Filters: queue: job: state: error~ args.KEY= label: since: until: id:

    Example: jobctl job ls state:dead since:2h args.customer=42
    """
    from jobctl.ops import filters as grammar
    from jobctl.ops.jobs import SCAN_BUDGET, list_jobs

    store, wanted = ctx.store(retries=2), grammar.parse(filters or ())
    if unredacted:
        audit(ctx, store, "job ls", filters or ())
    listing = list_jobs(store, wanted, limit, unredacted=unredacted)
    ctx.emit(list(listing.jobs), COLUMNS, empty="no jobs match" if filters else "no jobs")
    if not listing.exhausted:
        ctx.say(f"stopped after looking at about {SCAN_BUDGET:,} jobs: there may be more; narrow the filter")
    elif len(listing.jobs) == limit:
        ctx.say(f"the newest {limit:,}; --limit shows more")


@command
def logs(
    ctx: Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="A job's id.")],  # noqa: A002 - the catalog's word
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job has ended.")] = False,
) -> None:
    """Print what a job wrote while it ran.

    The latest 1,000 lines are kept as long as the job, and seven days after the last at most (or as long as `keep`).

    Example: jobctl job logs -f 1m80w17s0w7jd106qwm2
    """
    from jobctl.cli.lines import log_line
    from jobctl.ops import jobs as ops

    store = ctx.store(retries=2)
    lines = ops.follow_logs(store, id) if follow else iter(ops.logs(store, id))
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
        ctx.say(f"job {id} has written nothing")


@command
def wait(
    ctx: Context,
    ids: IdsArgument,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Give up then, exit 6: 30s, 5m.", show_default=False),
    ] = None,
) -> int:
    """Wait until jobs have ended.

    Exit 0 if all completed, 7 if one died or was cancelled, 6 if the time ran out.

    Example: jobctl job wait 1m80w17s0w7jd106qwm2 --timeout 5m
    """
    from jobctl.cli.bar import Bars
    from jobctl.ops import jobs as ops
    from jobctl.ops import waiting
    from jobctl.ops.when import parse_delay

    timeout_s = None if timeout is None else parse_delay(timeout, "--timeout") / 1000
    store = ctx.store(retries=2)
    found, errors = ops.locate_all(store, ids)
    left = {job.id: job.queue for job in found}
    jobs = []
    with Bars(ctx) as bars:
        for job_id in waiting.ended(store, dict(left), timeout_s, bars.seen):
            bars.ended(job_id)
            try:
                job = ops.find(store, job_id, [left.pop(job_id)])
            except NothingMatched as error:
                errors.append(error)
                continue
            jobs.append(job)
            if (died := waiting.verdict(job)) is not None:
                errors.append(died)
            else:
                ctx.say(f"job {job.id} has completed")
    if ctx.output is not Output.TABLE:
        ctx.emit(jobs[0] if jobs and len(set(ids)) == 1 else jobs, COLUMNS)
    return tell(ctx, [*errors, *(waiting.timed_out(job_id, timeout_s) for job_id in left)])
