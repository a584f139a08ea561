"""What `jobctl top` can show, as a table: its rows, its columns, what it is filtered by, and what a row opens."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobctl.cli.commands.job._shared import COLUMNS as JOBS
from jobctl.cli.commands.limit._shared import columns_for as limits
from jobctl.cli.commands.ps import COLUMNS as PROCESSES
from jobctl.cli.commands.schedule._columns import columns as schedules
from jobctl.cli.context import Context
from jobctl.cli.view.cell import failure, short_duration
from jobctl.cli.view.paint import Paint, style_of
from jobctl.cli.view.queues import dead_style, paused, zero_is_dim
from jobctl.cli.view.spark import sparkline
from jobctl.cli.view.table import NAME, Column
from jobctl.faces.sample import QueueFace, Sample
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.match import Subject
from jobctl.ops.filters.subjects import of_event
from jobctl.store.data.records import ProcessRow
from jobctl.store.data.states import ALL

GAUGE = 8
HELD = tuple(state.name for state in ALL if state.counted and state.name not in ("waiting", "running", "dead"))
"""The states of jobs that something keeps from starting: their counts are shown as one."""
OF_EVENTS = frozenset({"queue", "job", "error", "label", "since", "until", "attempts", "took", "host", "id"})


@dataclass(frozen=True, slots=True)
class View:
    """A view. `rows` takes a sample and a filter, whose keys are of `keys` (None: any). `opens` says which jobs a row
    stands for, as a filter; None if it is a job itself, or opens nothing (""). `empty` is said where there is no row.
    """

    name: str
    rows: Callable[[Sample, Filter], Sequence[Any]]
    columns: Callable[[Context, Sample], Sequence[Column]]
    label: Callable[[Any], Hashable]
    keys: frozenset[str] | None
    opens: Callable[[Any], str | None]
    empty: str

    def refuse(self, wanted: Filter) -> None:
        """Raise FilterError for what its rows do not have."""
        if self.keys is not None:
            told = " ".join(f"{key}:" for key in sorted(self.keys))
            wanted.refuse(wanted.keys - self.keys, f"{self.name} can be filtered by {told} only", "2 shows jobs")


def _queues(sample: Sample, wanted: Filter) -> Sequence[QueueFace]:
    return [row for row in sample.queues if wanted.possible(queue=row.queue)]


def _queue_columns(ctx: Context, sample: Sample) -> Sequence[Column]:
    most = max(map(_backlog, sample.queues), default=0)
    fine = Paint.of(ctx).glyphs

    def gauge(row: QueueFace) -> str:
        return bar(_backlog(row), most, fine=fine) if most else ""

    def held(row: QueueFace) -> int:
        return sum(getattr(row, state) or 0 for state in HELD)

    return (
        Column("QUEUE", "queue", least=12, importance=9),
        Column("BACKLOG", gauge, importance=7),
        Column("WAIT", "waiting", right=True, importance=9, style=zero_is_dim, silent=()),
        Column("RUN", "running", right=True, importance=9, style=zero_is_dim, silent=()),
        Column("HELD", held, right=True, importance=8, style=zero_is_dim, silent=()),
        Column("DEAD", "dead", right=True, importance=9, style=dead_style, silent=()),
        Column("OLDEST", lambda row: short_duration(row.oldest_waiting_s), right=True, importance=5, silent=()),
        Column("IN/M", lambda row: round(row.enqueued_per_minute), right=True, importance=6, silent=()),
        Column("DONE/M", lambda row: round(row.completed_per_minute), right=True, importance=8, silent=()),
        Column("30 MIN", lambda row: sparkline(ctx, _halved(row.completed)), importance=8, silent=()),
        Column("WORK", "workers", right=True, importance=5, style=zero_is_dim, silent=()),
        Column("PAUSED", paused, importance=9, least=8, style=lambda text: "yellow" if text != "no" else "dim"),
    )


def _backlog(row: QueueFace) -> int:
    return row.waiting + (row.limited or 0)


def bar(used: float, most: float, *, fine: bool, width: int = GAUGE) -> str:
    """How much of something is used, drawn."""
    full, rest = "█░" if fine else "#-"
    filled = 0 if most <= 0 else min(width, max(int(used > 0), round(used / most * width)))
    return full * filled + rest * (width - filled)


def _halved(series: Sequence[int]) -> list[int]:
    return [sum(series[at : at + 2]) for at in range(0, len(series), 2)]


def _groups(sample: Sample, wanted: Filter) -> Sequence[Any]:
    return [
        row
        for row in sample.groups
        if wanted.possible(
            queue=row.queue, type=row.type, state="dead", group=row.group, error=row.error, message=row.message
        )
    ]


def _group_columns(_ctx: Context, _sample: Sample) -> Sequence[Column]:
    return (
        Column("GROUP", "group", importance=9),
        Column("COUNT", "count", right=True, importance=9),
        Column("LAST", "last_died_at", importance=8),
        Column("FIRST", "first_died_at", importance=5),
        Column("TYPE", "type", importance=7, least=NAME),
        Column("QUEUE", "queue", importance=4, least=NAME),
        Column("ERROR", failure, importance=8, least=12),
    )


def _workers(sample: Sample, wanted: Filter) -> Sequence[ProcessRow]:
    return [
        row
        for row in sample.processes
        if any(wanted.possible(queue=name, host=row.host) for name in (row.queues or (None,)))
    ]


def _worker_columns(ctx: Context, _sample: Sample) -> Sequence[Column]:
    fine = Paint.of(ctx).glyphs

    def slots(row: ProcessRow) -> str:
        """The side that is used more: threads, or the event loop."""
        sides = ((row.running - row.on_loop, row.threads), (row.on_loop, row.async_jobs))
        shares = [used / (row.processes * size) for used, size in sides if row.processes * size]
        return bar(max(shares), 1, fine=fine) if shares and row.kind == "worker" else ""

    name = next(column for column in PROCESSES if column.header == "NAME")
    others = [column for column in PROCESSES if column.header not in ("NAME", "KIND")]
    return (replace(name, least=16), Column("SLOTS", slots, importance=8), *others)


def _of_queues(row: ProcessRow) -> str | None:
    names = " OR ".join(f"queue:{name}" for name in row.queues)
    return f"state:running ({names})" if names else ""


def _events(sample: Sample, wanted: Filter) -> Sequence[Any]:
    return [event for event in reversed(sample.events) if wanted.matches(of_event(event))]


_EVENTS = (
    Column("AT", "at", importance=8),
    Column("EVENT", "event", importance=9, style=style_of),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("ID", "id", importance=9),
    Column("LABEL", "label", importance=5, least=10),
    Column("ERROR", failure, importance=7, least=12),
)


def _possible(wanted: Filter, **known: Any) -> bool:
    return wanted.judge(Subject(**known)) is not False


VIEWS: dict[str, View] = {
    "1": View(
        "queues", _queues, _queue_columns, lambda row: row.queue, frozenset({"queue"}),
        lambda row: f"queue:{row.queue}", "no queues",
    ),
    "2": View(
        "jobs", lambda _sample, _wanted: (), lambda _ctx, _sample: JOBS, lambda row: (row.queue, row.id), None,
        lambda _row: None, "no jobs match",
    ),
    "3": View(
        "groups", _groups, _group_columns, lambda row: (row.queue, row.group),
        frozenset({"queue", "job", "group", "error"}), lambda row: f"queue:{row.queue} group:{row.group}",
        "no error groups",
    ),
    "4": View(
        "workers", _workers, _worker_columns, lambda row: row.name, frozenset({"queue", "host"}), _of_queues,
        "no worker and no scheduler is running",
    ),
    "5": View(
        "schedules", lambda sample, wanted: [row for row in sample.schedules if _possible(wanted, type=row.job)],
        lambda ctx, _sample: [_plain(column) for column in schedules(ctx)], lambda row: row.name, frozenset({"job"}),
        lambda row: f"job:{row.job}" if row.job else "", "no schedules",
    ),
    "6": View(
        "limits",
        lambda sample, wanted: [row for row in sample.limits if _possible(wanted, queue=row.queue, type=row.type)],
        lambda ctx, _sample: [_plain(column) for column in limits(ctx)], lambda row: (row.queue, row.name, row.kind),
        frozenset({"queue", "job"}),
        lambda row: f"state:limited queue:{row.queue}" + (f" job:{row.type}" if row.type else ""), "no limits",
    ),
    "7": View(
        "events", _events, lambda _ctx, _sample: _EVENTS, lambda row: (row.at, row.id, row.event), OF_EVENTS,
        lambda _row: None, "no events",
    ),
}  # fmt: skip
"""By the key that shows it."""


def _plain(column: Column) -> Column:
    """A column that keeps to the line of its row."""
    return replace(column, under=False, wrap=False, least=column.least or 12, importance=min(column.importance, 8))
