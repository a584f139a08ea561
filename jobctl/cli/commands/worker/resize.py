"""`jobctl worker resize`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.worker._order import Names, order
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.errors import UsageError


@command
def resize(
    ctx: Context,
    names: Names,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=1024, help="Threads per process.", show_default=False)
    ] = None,
    async_jobs: Annotated[
        int | None,
        typer.Option(
            "--async-jobs", min=1, max=10_000, help="Async and http jobs at once per process.", show_default=False
        ),
    ] = None,
    reason: Reason = "",
) -> None:
    """Change how many jobs a running worker's processes run at once, on threads and on the event loop.

    New processes take over from the old ones, which finish what they run. It holds until the worker ends, also over a
    reload.

    Example: jobctl worker resize web-7 --threads 16
    """
    wanted = {name: size for name, size in (("threads", threads), ("async_jobs", async_jobs)) if size is not None}
    if not wanted:
        raise UsageError("nothing to change", "give --threads N, --async-jobs N, or both")
    said = " and ".join(f"{size} {name.replace('_', ' ')}" for name, size in wanted.items())
    order(
        ctx,
        "resize",
        names,
        lambda row: all(getattr(row, name) == size for name, size in wanted.items()),
        f"has {said} a process",
        reason,
        **wanted,
    )
