"""`jobctl stats`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.cell import NOTHING, short_duration
from jobctl.cli.view.spark import sparkline
from jobctl.cli.view.table import ABSENT, NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.stats import StatsRow


class By(StrEnum):
    TYPE = "type"
    QUEUE = "queue"


def _time(name: str) -> Callable[[Any], str]:
    return lambda row: short_duration(getattr(row, name))


def _share(row: StatsRow) -> str:
    return NOTHING if row.failure_rate is None else f"{row.failure_rate:.1%}"


def _trend(row: StatsRow) -> str:
    return NOTHING if row.trend is None else f"{row.trend:+.0%}"


def _failing(text: str) -> str:
    return "" if text in (NOTHING, "0.0%") else "red"


def _columns(ctx: Context, by: By) -> tuple[Column, ...]:
    named = (Column("TYPE", "name", least=NAME), Column("QUEUE", "queue", importance=4, least=NAME))
    return (
        *(named if by is By.TYPE else (Column("QUEUE", "name", least=NAME),)),
        Column("DONE", "completed", right=True, importance=9, silent=ABSENT),
        Column("PER MIN", "completed_per_minute", right=True, importance=6, silent=ABSENT),
        Column("TREND", _trend, right=True, importance=6),
        Column("FAILED", _share, right=True, importance=9, silent=ABSENT, style=_failing),
        Column("DEAD", "dead", right=True, importance=5),
        Column("WAIT P50", _time("wait_p50_s"), right=True, importance=5),
        Column("P95", _time("wait_p95_s"), right=True, importance=8),
        Column("P99", _time("wait_p99_s"), right=True, importance=5),
        Column("RUN P50", _time("run_p50_s"), right=True, importance=5),
        Column("P95", _time("run_p95_s"), right=True, importance=7),
        Column("P99", _time("run_p99_s"), right=True, importance=5),
        Column("COMPLETED", lambda row: sparkline(ctx, row.series), importance=3),
    )


@command
def stats(
    ctx: Context,
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]…",
            help="queue:NAME and job:TYPE, both with * as a wildcard.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="Look back so far, such as 15m, 24h or 30d.")
    ] = "1h",
    by: Annotated[By, typer.Option("--by", help="A row for each job type, or for each queue.")] = By.TYPE,
) -> None:
    """Show throughput, failures, and how long jobs waited and ran.

    TREND compares the completed jobs with those of the same time a day before. P50, P95 and P99: half, 95 % and 99 %
    of the jobs waited, or ran, for no longer.

    Example: jobctl stats queue:email --since 24h
    """
    from jobctl.ops.stats import look
    from jobctl.ops.when import parse_delay

    last_ms = parse_delay(since, "--since")
    rows = look(ctx.store(), terms or (), last_ms=last_ms, by=by.value)
    ctx.emit(rows, _columns(ctx, by), empty=f"nothing happened in the last {since}")
