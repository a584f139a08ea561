"""`jobctl enqueue`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl import clock
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.complete import job_types
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.producer import Producer
    from jobctl.store.data.newjob import Enqueued, NewJob

PAYLOAD_HELP = "The payload: JSON, @FILE or - for stdin. Arguments override its keys."


@command
def enqueue(
    ctx: Context,
    type: Annotated[  # noqa: A002 - the catalog's word
        str | None,
        typer.Argument(
            metavar="TYPE", help="A job type from the catalog.", show_default=False, autocompletion=job_types
        ),
    ] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=TEXT | KEY:=JSON | KEY=@FILE]…", help="The payload.", show_default=False),
    ] = None,
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="JSON", help=PAYLOAD_HELP, show_default=False)
    ] = None,
    delay: Annotated[
        str | None,
        typer.Option(
            "--delay", metavar="TIME", help="Start the job after this long: 30s, 5m, 1h30m.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="Start the job at this time: 2026-11-22T10:00Z, 14:30.", show_default=False
        ),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option("--priority", help="high, normal, low, or -1000 (first) to 1000.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="Dead-letter the job if it has not finished after this long: 1h.",
            show_default=False,
        ),
    ] = None,
    id: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            "--id",
            help="Your own job id; enqueueing it again does nothing until keep.completed after the job's end.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the job has ended; exit 7 if it died or was cancelled.")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="With --wait: give up after this long, with exit code 6.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Read one job per line (NDJSON) from a file; - for stdin.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Enqueue a job, or one for each line of a file, and print its id.

    A line of --from is a payload, or {"type": …, "payload": …} when TYPE is -. If another job holds the unique key
    (`unique` in the catalog), its id is printed, or the exit code is 8 with `on_conflict: fail`.

    Example: jobctl enqueue send-email to=ada@example.com copies:=2 --wait
    """
    ctx.require_writable("enqueue jobs")
    timeout_s = _timeout(wait, timeout)
    options: dict[str, Any] = {
        "delay": delay,
        "at": _moment(at),
        "priority": priority,
        "expires": expires,
        "parent": ctx.settings.parent_job,
    }
    if source is not None:
        if arguments or payload is not None or id is not None:
            raise UsageError("--from brings the payloads: it goes with no arguments, --payload or --id")
        from jobctl.cli.feed import enqueue_lines

        return enqueue_lines(ctx, source, type, options, wait=wait, timeout_s=timeout_s)
    if type is None:
        raise UsageError("no job type is given", "jobctl enqueue TYPE key=value; the catalog lists the types")
    job = _job(ctx, type, arguments or [], payload, {**options, "id": id})
    return _enqueue(ctx, job, wait, timeout_s)


def _job(ctx: Context, type_name: str, arguments: list[str], payload: str | None, options: dict[str, Any]) -> NewJob:
    """Read and check everything before anything is written."""
    from jobctl.catalog.payload import job_type
    from jobctl.ops.payloads import build

    catalog = ctx.catalog()
    found = job_type(catalog, type_name)
    limit = catalog.max_payload_bytes
    values = build(found, arguments, payload, limit=limit, read_stdin=lambda size: read_stdin(ctx, size))
    return _producer(ctx).prepare(type_name, values, **options)


def _enqueue(ctx: Context, job: NewJob, wait: bool, timeout_s: float | None) -> int:
    from jobctl.ops import enqueue as ops

    store = ctx.store(retries=2)
    done = store.jobs.enqueue([job])[0].require()
    if words := ops.explain(store, done):
        ctx.say(words)
    if ctx.output in (Output.TABLE, Output.NAME):
        ctx.stdout.write(f"{done.id}\n")
        ctx.stdout.flush()
    elif not wait:
        ctx.emit(ops.record(ops.job_of(store, done), done), ())
    return _wait(ctx, done, timeout_s) if wait else 0


def _wait(ctx: Context, done: Enqueued, timeout_s: float | None) -> int:
    from jobctl.cli.view.bar import Bars
    from jobctl.ops.enqueue import record
    from jobctl.ops.waiting import verdict, wait_one
    from jobctl.store.data.ids import JobRef

    with Bars(ctx) as bars:
        job = wait_one(ctx.store(retries=2), JobRef(done.job.queue, done.id), timeout_s, bars.seen)
    if ctx.output not in (Output.TABLE, Output.NAME):
        ctx.emit(record(job, done), ())
    error = verdict(job)
    if error is not None:
        raise error
    return 0


def _producer(ctx: Context) -> Producer:
    """What makes the jobs of this invocation."""
    from jobctl.producer import Producer

    return Producer(ctx.catalog(), ctx.store(retries=2).mint)


def _timeout(wait: bool, timeout: str | None) -> float | None:
    if timeout is None:
        return None
    if not wait:
        raise UsageError("--timeout goes with --wait")
    from jobctl.ops.when import parse_delay

    return parse_delay(timeout, "--timeout") / 1000


def _moment(at: str | None) -> datetime | None:
    if at is None:
        return None
    from jobctl.ops.when import parse_at

    return clock.to_datetime(parse_at(at))


def read_stdin(ctx: Context, size: int) -> bytes:
    """At most `size` bytes of stdin."""
    if ctx.stdin.isatty():
        ctx.say("reading JSON from the terminal; end with Ctrl-D")
    return ctx.stdin.buffer.read(size)
