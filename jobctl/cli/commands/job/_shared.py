"""What `jobctl job` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.view.output import STATE_STYLES, Column, failure

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of jobs.")]
COLUMNS = (
    Column("ID", "id", keep=True),
    Column("STATE", "state", styles=STATE_STYLES, keep=True),
    Column("TYPE", "type"),
    Column("QUEUE", "queue"),
    Column("LABEL", "label"),
    Column("ATTEMPTS", "attempt_count", right=True),
    Column("ENQUEUED", "enqueued_at", keep=True),
    Column("ERROR", failure),
)
