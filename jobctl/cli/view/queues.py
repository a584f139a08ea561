"""The columns of queues, for `jobctl queue ls` and the live view of `jobctl up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.view.cell import short_duration
from jobctl.cli.view.table import ABSENT, SILENT, Column
from jobctl.store.data.states import ALL, State

if TYPE_CHECKING:
    from jobctl.store.data.records import QueueRow

_IMPORTANT = {"dead": 9, "waiting": 9, "running": 8}
"""Of the states that are counted; the others give way before them."""


def paused(row: QueueRow) -> str:
    """yes, no, or which job types."""
    return "yes" if row.paused else ", ".join(row.paused_types) or "no"


def zero_is_dim(text: str) -> str:
    """The style of a count."""
    return "dim" if text == "0" else ""


def dead_style(text: str) -> str:
    """The style of a count of dead letters."""
    return "red" if text not in ("0", "-") else zero_is_dim(text)


def _of_pause(text: str) -> str:
    return "dim" if text == "no" else "yellow"


def _count(state: State) -> Column:
    importance = _IMPORTANT.get(state.name, 5)
    silent = ABSENT if state.name in _IMPORTANT else SILENT
    style = dead_style if state.name == "dead" else zero_is_dim
    return Column(state.name.upper(), state.name, right=True, importance=importance, silent=silent, style=style)


COLUMNS = (
    Column("QUEUE", "queue"),
    *(_count(state) for state in ALL if state.counted),
    Column("OLDEST", lambda row: short_duration(row.oldest_waiting_s), right=True, importance=7),
    Column("WORKERS", "workers", right=True, importance=6, silent=ABSENT, style=zero_is_dim),
    Column("PAUSED", paused, importance=8, least=12, style=_of_pause),
)
