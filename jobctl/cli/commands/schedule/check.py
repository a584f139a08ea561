"""`jobctl schedule check`."""

from __future__ import annotations

from jobctl.cli.commands.schedule._shared import Names
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
    """Exit with 1 if a tick is later than its schedule's `tolerance`, or if no scheduler lives.

    For cron and monitoring. A table lists only what is wrong.

    Example: jobctl schedule check || notify-oncall
    """
    from jobctl.ops.schedules.check import check as look

    schedulers, rows = look(ctx.store(), ctx.catalog(), names or ())
    wrong = [row for row in rows if not row.ok]
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, _COLUMNS)
    elif wrong:
        ctx.emit(wrong, _COLUMNS)
    if not schedulers:
        ctx.say("no scheduler lives: start one with `jobctl scheduler`")
    elif not wrong:
        ctx.say(f"schedules: {len(rows)}, all on time; live schedulers: {schedulers}")
    return 1 if wrong or not schedulers else 0
