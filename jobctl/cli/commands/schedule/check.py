"""`jobctl schedule check`."""

from __future__ import annotations

from jobctl.cli.commands.schedule._shared import NO_SCHEDULER, Names
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import Column

_COLUMNS = (
    Column("SCHEDULE", "name"),
    Column("STATUS", "status", importance=9),
    Column("EXPECTED", "expected_at", importance=8),
)


@command
def check(ctx: Context, names: Names = None) -> int:
    """Exit with 1 if a tick is later than its schedule's `tolerance`, or if no scheduler is alive.

    For cron and monitoring. A table lists only what is wrong.

    Example: jobctl schedule check || notify-oncall
    """
    from jobctl.ops.schedules.check import UNATTENDED
    from jobctl.ops.schedules.check import check as look

    catalog = ctx.catalog()
    schedulers, rows = look(ctx.store(), catalog, names or ())
    wrong = [row for row in rows if not row.ok]
    paused = sum(row.ok and row.status == "paused" for row in rows)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, _COLUMNS)
    elif late := [row for row in wrong if row.status != UNATTENDED]:
        ctx.emit(late, _COLUMNS)
    if not schedulers:
        ctx.say(NO_SCHEDULER)
    elif not wrong:
        said = f"{paused} of them paused, the others on time" if paused else "all on time"
        ctx.say(f"schedules: {len(rows)}, {said}; live schedulers: {schedulers}")
    return 1 if wrong or not schedulers else 0
