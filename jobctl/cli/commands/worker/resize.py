"""`jobctl worker resize`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.worker._order import Names, order
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def resize(
    ctx: Context,
    names: Names,
    threads: Annotated[
        int, typer.Option("--threads", min=1, max=1024, help="Threads per process from now on.", show_default=False)
    ],
) -> None:
    """Change how many threads a running worker's processes have.

    New processes take over from the old ones, which finish what they run. It holds until the worker ends, also over a
    reload.

    Example: jobctl worker resize web-7 --threads 16
    """
    order(ctx, names, lambda row: row.threads == threads, f"has {threads} threads a process", threads=threads)
