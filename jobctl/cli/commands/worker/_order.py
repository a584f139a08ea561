"""What the commands that tell running workers something have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.ps import COLUMNS
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.complete import workers

if TYPE_CHECKING:
    from jobctl.store.data.records import ProcessRow

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME…",
        help="Names of workers, as `jobctl ps -o name` prints them, or how they begin: a host.",
        autocompletion=workers,
        show_default=False,
    ),
]


def order(
    ctx: Context,
    verb: str,
    names: list[str],
    done: Callable[[ProcessRow], bool],
    said: str,
    reason: str,
    **wanted: int | bool,
) -> None:
    """Tell workers what is wanted of them, wait until they do it, and say so. `done` sees whether one does; one that is
    gone does."""
    from jobctl.ops import workers as ops

    ctx.require_writable("change running workers")
    ctx.because(reason)
    store = ctx.store()
    found = ops.find(store, names)
    ops.order(store, verb, found, **wanted)
    rows = ops.until(store, found, done)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, COLUMNS)
    for row in found:
        ctx.say(f"{row.name}: {said}")
