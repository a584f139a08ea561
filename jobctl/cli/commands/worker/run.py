"""`jobctl worker run`, which is what `jobctl worker` does."""

from __future__ import annotations

import enum
import signal
from typing import Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.engine.tools.loop import Early
from jobctl.errors import UsageError


class LogFormat(enum.StrEnum):
    """How log lines look; auto is text on a terminal and JSON otherwise."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


Processes = Annotated[
    int | None,
    typer.Option(
        "--processes", min=1, max=1024, help="Number of worker processes (default: one per core).", show_default=False
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=1024, help="Threads per process (default: 2 per core in total).",
                 show_default=False),
]  # fmt: skip
AsyncJobs = Annotated[
    int,
    typer.Option(
        "--async-jobs",
        min=1,
        max=10_000,
        help="Async and http jobs per process at once: on its event loop, without a thread.",
    ),
]
Http = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Serve /livez, /readyz and /metrics there.",
        show_default=False,
    ),
]
Format = Annotated[LogFormat, typer.Option("--log-format", help="Format of the log lines on stderr.")]


Queues = Annotated[
    str, typer.Option("--queues", metavar="A,B", help="Serve only these queues (default: all).", show_default=False)
]
MaxJobs = Annotated[
    int | None,
    typer.Option("--max-jobs", min=1, help="Replace a process after N jobs.", show_default=False),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Replace a process that uses more memory than this: 512MB.",
        show_default=False,
    ),
]
MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age",
        metavar="DURATION",
        help="Replace a process that is older than this: 12h.",
        show_default=False,
    ),
]
Grace = Annotated[
    str, typer.Option("--grace", metavar="DURATION", help="How long running jobs may take to finish after SIGTERM.")
]


@command
def run(
    ctx: Context,
    queues: Queues = "",
    processes: Processes = None,
    threads: Threads = None,
    async_jobs: AsyncJobs = 100,
    burst: Annotated[bool, typer.Option("--burst", help="Exit when no job is waiting or running.")] = False,
    max_jobs: MaxJobs = None,
    max_memory: MaxMemory = None,
    max_age: MaxAge = None,
    grace: Grace = "25s",
    http: Http = None,
    log_format: Format = LogFormat.AUTO,
) -> int:
    """Run worker processes that serve the catalog's queues.

    SIGTERM lets running jobs finish within --grace and requeues the rest; a second SIGTERM stops at once. SIGHUP
    reloads the catalog. While Redis is away the worker waits for it and is not ready; only with --burst does it give
    up (exit code 3). A burst does not wait for delayed and retrying jobs.

    Example: jobctl worker run --queues email,default --grace 30s
    """
    Early(signal.SIGHUP)
    from jobctl.ops.serve import WorkerOptions, run_worker

    options = WorkerOptions(
        queues=tuple(name.strip() for name in queues.split(",") if name.strip()),
        processes=processes,
        threads=threads,
        async_jobs=async_jobs,
        burst=burst,
        max_jobs=max_jobs,
        max_memory=_size(max_memory),
        max_age_s=_age(max_age),
        grace_s=_seconds(grace, "--grace"),
        http=http,
        log_format=log_format,
        log_level=level(ctx),
    )
    ctx.require_writable("run jobs")
    return run_worker(ctx.settings, options)


def level(ctx: Context) -> str:
    """The log level that -q and -v ask for."""
    return "WARNING" if ctx.quiet else "DEBUG" if ctx.verbosity else "INFO"


def _age(text: str | None) -> float | None:
    if text is None:
        return None
    if not (seconds := _seconds(text, "--max-age")):
        raise UsageError("--max-age: a process cannot live for no time", "write one such as 12h, or leave it out")
    return seconds


def _seconds(text: str, option: str) -> float:
    from jobctl.catalog.units import parse_duration

    try:
        return parse_duration(text) / 1000
    except ValueError as problem:
        raise UsageError(f"{option}: {problem}") from problem


def _size(text: str | None) -> int | None:
    from jobctl.catalog.units import parse_size

    try:
        return parse_size(text) if text else None
    except ValueError as problem:
        raise UsageError(f"--max-memory: {problem}") from problem
