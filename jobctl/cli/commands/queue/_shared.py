"""What `jobctl queue` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.parse import complete
from jobctl.cli.view.output import Column, short_duration
from jobctl.store.data.states import ALL

if TYPE_CHECKING:
    from jobctl.store.data.records import QueueRow

ZERO = {"0": "dim"}


def _paused(row: QueueRow) -> str:
    """yes, no, or which job types."""
    return "yes" if row.paused else ", ".join(row.paused_types) or "no"


def _count(header: str, field: str) -> Column:
    return Column(header, field, right=True, styles=ZERO)


COLUMNS = (
    Column("QUEUE", "queue", keep=True),
    *(_count(state.name.upper(), state.name) for state in ALL if state.counted),
    Column("OLDEST", lambda row: short_duration(row.oldest_waiting_s), right=True),
    _count("WORKERS", "workers"),
    Column("PAUSED", _paused, styles={"yes": "yellow", "no": "dim"}),
)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A queue.", autocompletion=complete.queues, show_default=False)
]
