"""What `jobctl job` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.view.cell import failure
from jobctl.cli.view.paint import style_of
from jobctl.cli.view.table import NAME, Column

InQueue = Annotated[
    str | None,
    typer.Option(
        "--queue", metavar="NAME", help="The job's queue, if several queues have this id.", show_default=False
    ),
]
IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", help="Job ids.")]
COLUMNS = (
    Column("ID", "id"),
    Column("STATE", "state", importance=9, style=style_of),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("QUEUE", "queue", importance=4, least=NAME),
    Column("LABEL", "label", importance=6, least=12),
    Column("RUNS", "attempt_count", right=True, importance=3),
    Column("ENQUEUED", "enqueued_at", importance=5),
    Column("ERROR", failure, importance=7, least=12),
)
