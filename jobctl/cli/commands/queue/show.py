"""`jobctl queue show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.commands.queue._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.cell import iso, short_duration
from jobctl.cli.view.queues import COLUMNS
from jobctl.cli.view.table import Column

if TYPE_CHECKING:
    from jobctl.store.data.records import QueueDetail

TOP_GROUPS = 5


@command
def show(ctx: Context, name: Name) -> None:
    """Show one queue: depth, rates, pause, job types, errors, who serves it.

    Example: jobctl queue show email
    """
    from jobctl.ops import queues

    ctx.emit(queues.show(ctx.store(), ctx.catalog_for_a_look(), name), SHEET)


def _groups(row: QueueDetail) -> str:
    lines = [
        f"{g.count:>7,}  {g.group}  {g.type}  {g.error or '-'}: {_first_line(g.message)}"
        for g in row.groups[:TOP_GROUPS]
    ]
    more = len(row.groups) - TOP_GROUPS
    return "\n".join([*lines, f"{more:,} more: jobctl dead groups queue:{row.queue}"] if more > 0 else lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0][:60]


def _dropped(row: QueueDetail) -> str:
    if row.last_dropped_at is None:
        return "no dead letters"
    return f"{row.dropped:,} dead letters by `keep`, the last at {iso(row.last_dropped_at)}"


def _pauses(row: QueueDetail) -> str:
    from jobctl.ops.pauses import sentence

    return "\n".join(sentence(pause, iso) for pause in row.pauses) or "no"


SHEET: tuple[Column, ...] = (
    COLUMNS[0],
    *(Column(c.header, c.value) for c in COLUMNS[1:7]),
    Column("OLDEST", lambda row: f"{short_duration(row.oldest_waiting_s)}  {row.oldest_waiting or ''}".strip()),
    Column("WORKERS", "workers"),
    Column("PAUSED", _pauses),
    Column("LAST MINUTE", lambda row: f"{row.completed_last_minute:,} completed, {row.died_last_minute:,} died"),
    Column("DROPPED", _dropped),
    Column("JOB TYPES", lambda row: ", ".join(row.job_types)),
    Column("SERVED BY", lambda row: ", ".join(row.served_by)),
    Column("ERRORS", _groups),
)
