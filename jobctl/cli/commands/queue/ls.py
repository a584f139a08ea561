"""`jobctl queue ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.listing import refuse_untouched
from jobctl.cli.parse import complete
from jobctl.cli.parse.options import command
from jobctl.cli.view.pauses import tell_pauses
from jobctl.cli.view.queues import COLUMNS
from jobctl.cli.view.table import Table, table
from jobctl.cli.view.watch import watch as again

if TYPE_CHECKING:
    from jobctl.store.data.records import QueueRow


@command
def ls(
    ctx: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Queues.", autocompletion=complete.queues, show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second until Ctrl-C.")] = False,
) -> None:
    """List queues with the number of jobs in each state.

    Example: jobctl queue ls --watch
    """
    from jobctl.ops import queues

    store, catalog = ctx.store(), ctx.catalog_for_a_look()
    refuse_untouched(ctx, store)

    def read() -> list[QueueRow]:
        return queues.ls(store, catalog, names or ())

    if watch:
        again(ctx, read, COLUMNS, lambda rows: table(ctx, rows, COLUMNS) if rows else Table("no queues\n"))
    rows = read()
    ctx.emit(rows, COLUMNS, empty="no queues: nothing was enqueued here yet, and the catalog has none")
    if any(row.paused or row.paused_types for row in rows) and ctx.output is Output.TABLE:
        tell_pauses(ctx, store, catalog, {row.queue for row in rows})
