"""`jobctl run`."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl import redaction, settings
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.complete import job_types
from jobctl.cli.parse.options import command
from jobctl.cli.parse.payload import Arguments, Payload, read_payload
from jobctl.errors import INTERRUPTED, JobctlError, OperationFailed
from jobctl.text import first_line, sanitize

if TYPE_CHECKING:
    from jobctl.ops.run import RunRecord
    from jobctl.scrubbing import Scrubber
    from jobctl.store import Store

DRAIN_S = 2.0


@command
def run(
    ctx: Context,
    type: Annotated[  # noqa: A002 - the catalog's word
        str, typer.Argument(metavar="TYPE", help="A job type from the catalog.", autocompletion=job_types)
    ],
    arguments: Arguments = None,
    payload: Payload = None,
) -> int:
    """Run a job in the foreground, without a queue or Redis.

    For debugging: the job's output goes to stderr, its result to stdout as JSON. Nothing is retried; rate limits,
    concurrency, unique keys and `expires` do not apply.

    Example: jobctl run daily-report day=2026-11-22
    """
    from jobctl.ops import run as ops
    from jobctl.producer import Producer
    from jobctl.store.data.ids import Mint

    values = read_payload(ctx, type, arguments, payload)
    job = Producer(ctx.catalog(), Mint()).prepare(type, values)
    if isinstance(ctx.stdout, io.TextIOWrapper):
        ctx.stdout.reconfigure(line_buffering=True)
    with _stdout_to_stderr(redaction.scrubber(job.redact, job.payload)):
        record = ops.run(
            ctx.catalog(),
            job,
            log=_printer(ctx),
            enqueuer=_enqueuer(ctx),
            open_store=lambda: _store(ctx),
            env=settings.environment(),
            environment=_environment(ctx),
        )
    return _report(ctx, record)


def _printer(ctx: Context) -> Callable[[str, str], None]:
    def write(_stream: str, text: str) -> None:
        ctx.stderr.write(f"{sanitize(text, limit=None)}\n")
        ctx.stderr.flush()

    return write


def _enqueuer(ctx: Context) -> Callable[..., str]:
    """What `jobctl.current().enqueue` does here. Redis is looked for only when it is used."""

    def enqueue(job_type: str, payload: Mapping[str, Any], **options: Any) -> str:
        from jobctl.producer import Producer

        store = _store(ctx)
        job = Producer(ctx.catalog(), store.mint).prepare(job_type, payload, **options)
        return store.jobs.enqueue([job])[0].require().id

    return enqueue


def _store(ctx: Context) -> Store:
    """Where jobs are enqueued from here. Raises Refused or RedisUnavailable."""
    ctx.require_writable("enqueue jobs")
    return ctx.store(retries=2)


def _environment(ctx: Context) -> dict[str, str]:
    """What a command needs to enqueue; nothing if there is no Redis."""
    try:
        url: str | None = ctx.redis_url()
    except JobctlError:
        url = None
    return ctx.settings.child_environment(url)


def _report(ctx: Context, record: RunRecord) -> int:
    if record.traceback:
        ctx.stderr.write(sanitize(record.traceback, newlines=True, limit=None).rstrip("\n") + "\n")
    if ctx.output is not Output.TABLE:
        ctx.emit(record, ())
    elif record.outcome == "completed" and record.result is not None:
        from jobctl.cli.view.formats import to_json

        ctx.stdout.write(to_json(record.result, indent=2) + "\n")
    took = f"after {record.duration_s:.3f} s"
    if record.outcome == "completed":
        ctx.say(f"{record.type} completed {took}")
        return 0
    if record.outcome == "cancelled":
        return INTERRUPTED
    how = "timed out" if record.outcome == "timeout" else "failed"
    raise OperationFailed(f"{record.type} {how} {took}: {record.error}: {first_line(record.message)}")


@contextmanager
def _stdout_to_stderr(using: Scrubber | None) -> Iterator[None]:
    """What the job prints goes to stderr, by whatever way it prints: stdout is for the result. With a scrubber, all of
    it goes through that, line by line."""
    sys.stdout.flush()
    saved = os.dup(1), os.dup(2)
    target, cleaner = (2, None) if using is None else _cleaner(using, saved[1])
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for copy, descriptor in zip(saved, (1, 2), strict=True):
            os.dup2(copy, descriptor)
        if cleaner is not None:
            os.close(target)
            cleaner.join(DRAIN_S)  # a process that the job left behind may hold the pipe
        for copy in saved:
            os.close(copy)


def _cleaner(using: Scrubber, to: int) -> tuple[int, threading.Thread]:
    """A descriptor to write to, and the thread that passes on what is written there, scrubbed."""
    source, target = os.pipe()
    out = os.dup(to)

    def clean() -> None:
        with os.fdopen(source, errors="replace", newline="") as lines, os.fdopen(out, "w", newline="") as printed:
            for line in lines:
                printed.write(using(line))
                printed.flush()

    thread = threading.Thread(target=clean, daemon=True)
    thread.start()
    return target, thread
