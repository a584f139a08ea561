"""`jobctl op show`."""

from __future__ import annotations

from jobctl.cli.bulk.pacing import fared
from jobctl.cli.commands.op._shared import COLUMNS, STYLES, Operation, find
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.cell import short_duration
from jobctl.cli.view.parts import PARTS
from jobctl.cli.view.table import Column
from jobctl.ops.bulk.consent import example

SHEET = (
    Column("OPERATION", "id"),
    Column("ACTION", lambda row: f"{row.action}  {row.detail}".rstrip()),
    Column("STATE", "state", style=lambda state: STYLES.get(state, "")),
    Column("BEGAN", "began_at"),
    Column("ENDED", "ended_at"),
    Column("MATCHED", "matched"),
    Column("CHANGED", "changed"),
    Column("SKIPPED", "skipped"),
    Column("FAILED", "failed"),
    Column("LEFT", "left"),
    Column("OUTCOME", lambda row: fared(row) if row.background and row.changed else None),
    Column("RATE", "rate"),
    Column("TO GO", lambda row: short_duration(row.eta_s) if row.eta_s else None),
    Column("WHY", "why"),
    Column("TARGET", "target"),
    Column("WHO", "who"),
    Column("PROFILE", "profile"),
    Column("REASON", "reason"),
    Column("COMMAND", "command"),
)


@command
def show(ctx: Context, operation: Operation) -> None:
    """Show a change of jobs: what it was to do, to which jobs, and what became of it.

    Example: jobctl op show 7k2m9q
    """
    row = find(ctx.store(retries=2), operation)
    if ctx.output is not Output.TABLE:
        return ctx.emit(row, COLUMNS)
    ctx.emit(row, [column for column in SHEET if column.of(row) not in (None, "", 0) or column.value == "changed"])
    if row.parts:
        ctx.stdout.write("\n")
        ctx.emit(list(row.parts), PARTS)
    for one in row.samples:
        ctx.say(f"  such as {example(one)}")
    return None
