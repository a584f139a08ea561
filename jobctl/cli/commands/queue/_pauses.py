"""What `jobctl queue pause|resume` share: what is named, and how pauses are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.parse import complete
from jobctl.cli.view.table import Column

if TYPE_CHECKING:
    from jobctl.store.data.records import PauseRow


def _name(row: PauseRow) -> str:
    from jobctl.ops.pauses import name_of

    return name_of(row)


PAUSES = (
    Column("NAME", _name),
    Column("PAUSED", "paused"),
    Column("UNTIL", "until"),
    Column("REASON", "reason"),
)
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", help="Queues.", autocompletion=complete.queues, show_default=False),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="TYPE", help="A job type; may be repeated.", autocompletion=complete.job_types,
        show_default=False,
    ),
]  # fmt: skip
All = Annotated[bool, typer.Option("--all", help="Select every queue, including future ones.")]
