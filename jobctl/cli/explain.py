"""`--explain`: how a filter was read and what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.view.table import Column

if TYPE_CHECKING:
    from jobctl.ops.filters.explain import Explained

Explain = Annotated[
    bool, typer.Option("--explain", help="Show how the filter was read and what serves it; do nothing else.")
]


def show(ctx: Context, explained: Explained) -> int:
    """Write it to stdout; returns the exit code."""
    if ctx.output is not Output.TABLE:
        ctx.emit(explained, (Column("FILTER", "filter"),))
        return 0
    from jobctl.ops.filters.explain import lines
    from jobctl.text import sanitize

    ctx.stdout.write("".join(f"{sanitize(line)}\n" for line in lines(explained)))
    ctx.stdout.flush()
    return 0
