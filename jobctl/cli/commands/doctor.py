"""`jobctl doctor`."""

from __future__ import annotations

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import NAME, Column

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
COLUMNS = (
    Column("CHECK", "check"),
    Column("STATUS", "status", importance=9, style=lambda status: _STYLES.get(status, "")),
    Column("SINCE", "since", importance=7),
    Column("FOUND", "found", importance=8, least=NAME, wrap=True),
    Column("ADVICE", "advice", under=True),
)


@command
def doctor(ctx: Context) -> int:
    """Check this deployment for problems, and say how to fix them.

    One row per check. Exit code 1 if a check fails; warnings do not count. Changes nothing.

    Example: jobctl doctor -o json
    """
    from jobctl.ops.doctor.examine import examine

    rows = examine(lambda: ctx.store(retries=2), ctx.catalog_if_any)
    ctx.emit(rows, COLUMNS)
    return int(any(row.status == "fail" for row in rows))
