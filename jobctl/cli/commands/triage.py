"""`jobctl triage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import NAME, Column, Table, table
from jobctl.cli.view.watch import watch as again
from jobctl.errors import RedisUnavailable

if TYPE_CHECKING:
    from jobctl.ops.doctor.check import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
COLUMNS = (
    Column("URGENT", "status", importance=9, style=lambda status: _STYLES.get(status, "")),
    Column("WHAT", "check", importance=6),
    Column("SINCE", "since", importance=7),
    Column("FOUND", "found", importance=8, least=NAME, wrap=True),
    Column("NEXT", lambda row: row.command or row.advice, under=True),
)
HEALTHY = "nothing needs attention"


@command
def triage(
    ctx: Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second until Ctrl-C.")] = False,
) -> int:
    """Show what is wrong now, the most urgent first, and the command to type next.

    Exit code 0 if nothing needs attention, else 1; 3 if Redis cannot be asked. A backlog that gets smaller is shown,
    and needs none. Changes nothing.

    Example: jobctl triage --watch
    """
    from jobctl.ops.triage import healthy
    from jobctl.ops.triage import triage as look

    catalog = ctx.catalog_for_a_look()

    def read() -> list[Check]:
        return look(ctx.store(retries=2), catalog)

    if watch:
        again(ctx, read, COLUMNS, lambda rows: table(ctx, rows, COLUMNS) if rows else Table(f"{HEALTHY}\n"))
    rows = read()
    ctx.emit(rows, COLUMNS, empty=HEALTHY)
    if any(row.check == "redis" and row.status == "fail" for row in rows):
        return RedisUnavailable.exit_code
    return 0 if healthy(rows) else 1
