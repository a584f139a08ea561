"""What `jobctl op` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk.pacing import fared, sentence
from jobctl.cli.context import Context, Output
from jobctl.cli.parse import complete
from jobctl.cli.view.table import NAME, Column
from jobctl.errors import NothingMatched

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.nouns.operations import OperationRow

Operation = Annotated[
    str,
    typer.Argument(metavar="ID", help="An operation, as `jobctl op ls` lists it.", autocompletion=complete.operations),
]
STYLES = {
    "running": "cyan",
    "paused": "yellow",
    "done": "green",
    "partly": "yellow",
    "stopped": "red",
    "aborted": "red",
    "undone": "dim",
}
COLUMNS = (
    Column("ID", "id"),
    Column("BEGAN", "began_at", importance=7),
    Column("ACTION", "action", importance=9),
    Column("STATE", "state", importance=10, style=lambda state: STYLES.get(state, "")),
    Column("CHANGED", lambda row: f"{row.changed:,}/{row.matched:,}", right=True, importance=8),
    Column("FAILED", "failed", right=True, importance=4),
    Column("OUTCOME", lambda row: fared(row) if row.background and row.changed else None, importance=7, least=14),
    Column("TARGET", "target", importance=6, least=NAME),
    Column("WHO", "who", importance=5, least=NAME),
    Column("REASON", "reason", importance=3, least=14),
)


def find(store: Store, name: str) -> OperationRow:
    """The operation of that id. Raises NothingMatched."""
    found = store.operations.find(name)
    if found is None:
        raise NothingMatched(f"no operation {name[:50]}", "`jobctl op ls` lists them")
    return found


def give(ctx: Context, name: str, order: str, reason: str) -> Store:
    """Pause, resume or abort an operation, and say how it stands then."""
    from jobctl.ops.bulk import background

    ctx.require_writable(f"{order} operations")
    ctx.because(reason)
    store = ctx.store(retries=2)
    background.order(store, name, order)
    row = find(store, name)
    if ctx.output is not Output.TABLE:
        ctx.emit(row, COLUMNS)
    ctx.say(sentence(row))
    return store
