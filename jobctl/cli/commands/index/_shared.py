"""What `jobctl index` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.parse import complete
from jobctl.cli.view.table import NAME, Column

JobTypeName = Annotated[
    str, typer.Argument(metavar="TYPE", help="A job type.", autocompletion=complete.job_types, show_default=False)
]
COLUMNS = (
    Column("TYPE", "type", importance=9, least=NAME),
    Column("KEY", "key", importance=8, least=NAME),
    Column("STATE", "state", importance=7),
    Column("JOBS", "entries", right=True, importance=6),
    Column("QUEUE", "queue", importance=4, least=NAME),
)
