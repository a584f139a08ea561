"""`jobctl enqueue`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl import clock
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.complete import job_types
from jobctl.cli.parse.options import command
from jobctl.cli.parse.payload import Arguments, Payload, read_payload
from jobctl.cli.parse.wait import Timeout, timeout_s
from jobctl.cli.view.enqueued import show
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.producer import Producer
    from jobctl.store.data.newjob import Enqueued, NewJob


JobType = Annotated[
    str | None,
    typer.Argument(metavar="TYPE", help="A job type from the catalog.", show_default=False, autocompletion=job_types),
]
Delay = Annotated[
    str | None,
    typer.Option("--delay", metavar="TIME", help="Start the job after this long: 30s, 5m, 1h30m.", show_default=False),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="Start the job at this time: 2026-11-22T10:00Z, 14:30.", show_default=False
    ),
]
Priority = Annotated[
    str | None,
    typer.Option("--priority", help="high, normal, low, or -1000 (first) to 1000.", show_default=False),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="TIME",
        help="Dead-letter the job if it has not finished after this long: 1h.",
        show_default=False,
    ),
]
OwnId = Annotated[
    str | None,
    typer.Option(
        "--id",
        help="Your own job id; while it is known, a repeat enqueues nothing.",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended; exit 7 if it died or was cancelled.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Read one job per line (NDJSON) from a file; - for stdin.",
        show_default=False,
    ),
]


@command
def enqueue(
    ctx: Context,
    type: JobType = None,  # noqa: A002 - the catalog's word
    arguments: Arguments = None,
    payload: Payload = None,
    delay: Delay = None,
    at: At = None,
    priority: Priority = None,
    expires: Expires = None,
    id: OwnId = None,  # noqa: A002 - the option's name
    wait: Wait = False,
    timeout: Timeout = None,
    source: Source = None,
) -> int:
    """Enqueue a job, or one for each line of a file, and print its id.

    A line of --from is a payload, or {"type": …, "payload": …} if TYPE is -. If another job holds the unique key
    (`unique` in the catalog), its id is printed; with `on_conflict: fail` the exit code is 8 instead.

    Example: jobctl enqueue send-email to=ada@example.com copies:=2 --wait
    """
    ctx.require_writable("enqueue jobs")
    seconds = timeout_s(wait, timeout)
    options: dict[str, Any] = {
        "delay": delay,
        "at": _moment(at),
        "priority": priority,
        "expires": expires,
        "parent": ctx.settings.parent_job,
    }
    if source is not None:
        if arguments or payload is not None or id is not None:
            raise UsageError("--from reads the payloads: do not combine it with arguments, --payload or --id")
        from jobctl.cli.feed import enqueue_lines

        return enqueue_lines(ctx, source, type, options, wait=wait, timeout_s=seconds)
    if type is None:
        raise UsageError("missing job type", "write jobctl enqueue TYPE key=value, with a TYPE of the catalog")
    values = read_payload(ctx, type, arguments, payload)
    job = _producer(ctx).prepare(type, values, id=id, **options)
    return _enqueue(ctx, job, wait, seconds)


def _enqueue(ctx: Context, job: NewJob, wait: bool, seconds: float | None) -> int:
    store = ctx.store(retries=2)
    done = store.jobs.enqueue([job])[0].require()
    show(ctx, store, done, record=not wait)
    return _wait(ctx, done, seconds) if wait else 0


def _wait(ctx: Context, done: Enqueued, seconds: float | None) -> int:
    from jobctl.cli.view.bar import Bars
    from jobctl.ops.enqueue import record
    from jobctl.ops.waiting import verdict, wait_one
    from jobctl.store.data.ids import JobRef

    with Bars(ctx) as bars:
        job = wait_one(ctx.store(retries=2), JobRef(done.job.queue, done.id), seconds, bars.seen)
    if ctx.output not in (Output.TABLE, Output.NAME):
        ctx.emit(record(job, done), ())
    error = verdict(job)
    if error is not None:
        raise error
    return 0


def _producer(ctx: Context) -> Producer:
    """What makes the jobs of this invocation."""
    from jobctl.producer import Producer

    return Producer(ctx.catalog(), ctx.store(retries=2).mint, ctx.settings.trace)


def _moment(at: str | None) -> datetime | None:
    if at is None:
        return None
    from jobctl.ops.when import parse_at

    return clock.to_datetime(parse_at(at))
