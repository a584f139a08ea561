"""`jobctl doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

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


_STATES = {"ok": "green", "unknown": "yellow", "fail": "red"}
LINES = (
    Column("LINE", "line"),
    Column("STATE", "state", importance=9, style=lambda state: _STATES.get(state, "")),
    Column("EVIDENCE", "evidence", importance=8, least=NAME, wrap=True),
    Column("FIX", lambda row: f"{row.place}: {row.fix}" if row.place else row.fix, under=True),
)


@command
def doctor(
    ctx: Context,
    checklist: Annotated[
        bool,
        typer.Option("--checklist", help="What a deployment should have: each line with its evidence and its fix."),
    ] = False,
) -> int:
    """Check this deployment for problems, and say how to fix them.

    One row per check. Exit code 1 if a check fails; warnings do not count. Changes nothing. Each line of --checklist
    says which line of the catalog, or which command, mends it; the exit code is 1 if one fails.

    Example: jobctl doctor -o json
    """
    if checklist:
        from jobctl.ops.doctor.checklist import checklist as look

        lines = look(ctx.store(retries=2), ctx.catalog())
        ctx.emit(lines, LINES)
        return int(any(line.state == "fail" for line in lines))
    from jobctl.ops.doctor.examine import examine

    rows = examine(lambda: ctx.store(retries=2), ctx.catalog_if_any)
    ctx.emit(rows, COLUMNS)
    return int(any(row.status == "fail" for row in rows))
