"""What `jobctl op` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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
STYLES = {"running": "cyan", "done": "green", "partly": "yellow", "stopped": "red"}
COLUMNS = (
    Column("ID", "id"),
    Column("BEGAN", "began_at", importance=7),
    Column("ACTION", "action", importance=9),
    Column("STATE", "state", importance=10, style=lambda state: STYLES.get(state, "")),
    Column("CHANGED", lambda row: f"{row.changed:,}/{row.matched:,}", right=True, importance=8),
    Column("FAILED", "failed", right=True, importance=4),
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
