"""`jobctl check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.cell import short_duration
from jobctl.cli.view.table import Column
from jobctl.errors import JobctlError, UsageError
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.ops.vitals import Vital

COLUMNS = (Column("MEASURE", "measure"), Column("OK", "ok"), Column("VALUE", "value"), Column("LIMIT", "limit"))
CRITICAL, UNKNOWN = 2, 3
"""Exit codes of Nagios plugins."""


Queues = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILTER]…", help="queue:NAME, with * as a wildcard.", show_default=False),
]
MaxLatency = Annotated[
    str | None,
    typer.Option("--max-latency", metavar="DURATION", help="How long a job may be ready and wait.", show_default=False),
]
MaxWaiting = Annotated[
    int | None, typer.Option("--max-waiting", metavar="N", min=0, help="Waiting jobs.", show_default=False)
]
MaxDead = Annotated[
    int | None, typer.Option("--max-dead", metavar="N", min=0, help="Dead letters.", show_default=False)
]
MaxFailureRate = Annotated[
    str | None,
    typer.Option(
        "--max-failure-rate",
        metavar="PERCENT",
        help="Failed attempts, such as 5%; judged from 10 attempts on. Takes job: filters, too.",
        show_default=False,
    ),
]
Last = Annotated[
    str, typer.Option("--last", metavar="DURATION", help="The time that --max-failure-rate looks at, up to 3h.")
]
MinWorkers = Annotated[
    int | None,
    typer.Option("--min-workers", metavar="N", min=1, help="Worker processes.", show_default=False),
]
AlsoScheduler = Annotated[
    bool, typer.Option("--scheduler", help="A scheduler is alive, and no schedule's tick is late.")
]
Nagios = Annotated[
    bool, typer.Option("--nagios", help="Speak as a Nagios plugin: exit codes 0, 2 and 3, performance data.")
]


@command
def check(
    ctx: Context,
    terms: Queues = None,
    max_latency: MaxLatency = None,
    max_waiting: MaxWaiting = None,
    max_dead: MaxDead = None,
    max_failure_rate: MaxFailureRate = None,
    last: Last = "5m",
    min_workers: MinWorkers = None,
    scheduler: AlsoScheduler = False,
    nagios: Nagios = False,
) -> int:
    """Check queues against limits, in one line: for cron, Kubernetes, Nagios.

    Each limit holds for every queue, or for those that a filter names. Exit code 0 if all are kept, 1 if one is not, 3
    if Redis cannot be asked.

    Example: jobctl check --max-latency 60s --max-dead 100 --min-workers 1
    """
    from jobctl.ops.vitals import Bounds
    from jobctl.ops.vitals import check as look
    from jobctl.ops.when import parse_delay

    try:
        bounds = Bounds(
            latency_s=None if max_latency is None else parse_delay(max_latency, "--max-latency") / 1000,
            waiting=max_waiting,
            dead=max_dead,
            failure_rate=None if max_failure_rate is None else _share(max_failure_rate),
            workers=min_workers,
            scheduler=scheduler or None,
        )
        rows = look(ctx.store(), ctx.catalog_for_a_look(), terms or (), bounds, _window(parse_delay(last, "--last")))
    except JobctlError as error:
        if not nagios:
            raise
        ctx.stdout.write(f"JOBCTL UNKNOWN - {sanitize(str(error))}\n")
        return UNKNOWN
    ok = all(row.ok for row in rows)
    if nagios:
        ctx.stdout.write(f"JOBCTL {'OK' if ok else 'CRITICAL'} - {_told(rows)} | {' '.join(map(_data, rows))}\n")
        return 0 if ok else CRITICAL
    if ctx.output is Output.TABLE:
        ctx.stdout.write(f"{'ok' if ok else 'not ok'}: {_told(rows)}\n")
    else:
        ctx.emit(rows, COLUMNS)
    return 0 if ok else 1


def _share(text: str) -> float:
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--max-failure-rate: {text[:40]!r} is not a share of 100 %", "write a number such as 5%")
    return share


def _window(last_ms: int) -> int:
    if not 60_000 <= last_ms <= 179 * 60_000:
        raise UsageError("--last: minutes are counted, for three hours", "write 1m to 179m")
    return last_ms


def _told(rows: list[Vital]) -> str:
    """What is wrong; or all that was checked, if nothing is."""
    return ", ".join(_one(row) for row in [row for row in rows if not row.ok] or rows)


def _one(row: Vital) -> str:
    name = row.measure.replace("_", " ")
    if row.measure == "late":
        return "no tick is late" if row.ok else f"{row.value:.0f} schedules are late, {row.worst} above all"
    if row.value is None:
        return f"{name}: nothing to judge"
    relation = (
        ""
        if row.ok
        else f" (at least {row.limit:g})"
        if row.measure in ("workers", "schedulers")
        else (f" (at most {_amount(row.limit, row)})")
    )
    where = f" in {sanitize(row.worst)}" if row.worst and (row.value or not row.ok) else ""
    return f"{name} {_amount(row.value, row)}{where}{relation}"


def _amount(value: float, row: Vital) -> str:
    if row.unit == "s":
        return short_duration(value)
    return f"{value:,.0f}" if not row.unit else f"{value:g} {row.unit}"


def _data(row: Vital) -> str:
    """Performance data: label=value;warning;critical;minimum. What must be at least N is critical below it."""
    value = "U" if row.value is None else f"{row.value:g}{row.unit}"
    critical = f"{row.limit:g}:" if row.measure in ("workers", "schedulers") else f"{row.limit:g}"
    return f"{row.measure}={value};;{critical};0"
