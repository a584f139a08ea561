"""`jobctl op ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.op._shared import COLUMNS
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def ls(
    ctx: Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="Show the last N operations.")] = 20,
) -> None:
    """List changes of jobs, the latest first: what each was to do, how far it has come, who made it.

    The last 1,000 are kept.

    Example: jobctl op ls
    """
    ctx.emit(ctx.store(retries=2).operations.latest(limit), COLUMNS, empty="no operations yet")
