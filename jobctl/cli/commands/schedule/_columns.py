"""How schedules are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.context import Context
from jobctl.cli.view.lines import moment
from jobctl.cli.view.paint import style_of
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.schedules.look import ScheduleRow


def columns(ctx: Context) -> tuple[Column, ...]:
    """The columns of a list of schedules."""

    def paused(row: ScheduleRow) -> str | None:
        if not row.paused:
            return "retired" if row.retired else None
        end = f"paused until {moment(ctx, row.paused_until)}" if row.paused_until else "paused"
        return f"{end}: {row.reason}" if row.reason else f"{end} by {row.paused_by}"

    def by_hand(row: ScheduleRow) -> str | None:
        if row.set_by is None:
            return None
        end = f" until {moment(ctx, row.set_until)}" if row.set_until else ""
        said = f"set by hand by {row.set_by}{end}"
        return f"{said}: {row.set_reason}" if row.set_reason else said

    return (
        Column("SCHEDULE", "name", least=NAME),
        Column("WHEN", "when", importance=6, least=20),
        Column("JOB", "job", importance=2, least=NAME),
        Column("NEXT", "next_at", importance=9),
        Column("LAST", "last_outcome", importance=8, style=style_of),
        Column("AT", "last_at", importance=7),
        Column("LATE", _late, right=True, importance=4),
        Column("POLICY", _policy, importance=3, least=14, wrap=True),
        Column("PAUSED", paused, under=True),
        Column("SET BY HAND", by_hand, under=True),
    )


def _late(row: ScheduleRow) -> str | None:
    return None if row.late_s is None or row.late_s < 1 else f"{row.late_s:.0f}s"


def _policy(row: ScheduleRow) -> str | None:
    said = [f"catch up {row.catch_up}"] if row.catch_up not in (None, "none") else []
    return ", ".join([*said, *([row.overlap] if row.overlap not in (None, "allow") else [])]) or None
