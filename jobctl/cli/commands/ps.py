"""`jobctl ps`."""

from __future__ import annotations

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.pauses import tell_pauses
from jobctl.cli.view.table import ABSENT, Column

COLUMNS = (
    Column("KIND", "kind"),
    Column("NAME", "name", importance=9),
    Column("QUEUES", lambda row: ", ".join(row.queues), importance=5, least=12),
    Column("PROCESSES", "processes", right=True, importance=4),
    Column(
        "THREADS", lambda row: _used(row.running - row.on_loop, row.threads * row.processes), right=True, importance=6
    ),
    Column("LOOP", lambda row: _used(row.on_loop, row.async_jobs * row.processes), right=True, importance=6),
    Column(
        "STATE", "state", importance=7, silent=("running",), style=lambda text: "" if text == "running" else "yellow"
    ),
    Column("RUNNING", "running", right=True, importance=8, silent=ABSENT),
    Column("HANGING", "hanging", right=True, importance=8, style=lambda text: "red" if text != "0" else "dim"),
    Column("MEMORY", lambda row: f"{row.memory_mb:,.0f} MB", right=True, importance=6),
    Column("STARTED", "started_at", importance=3),
    Column("BEAT", lambda row: f"{row.beat_s:.1f}s ago", right=True, importance=7),
)


def _used(used: int, slots: int) -> str | None:
    """Slots that are in use, of how many."""
    return f"{used} of {slots}" if slots else None


@command
def ps(ctx: Context) -> None:
    """Show the live workers and schedulers.

    Example: jobctl ps
    """
    columns = (Column("NAME", "name"),) if ctx.output is Output.NAME else COLUMNS
    store = ctx.store()
    rows = store.processes.ls()
    ctx.emit(rows, columns, empty="no worker and no scheduler is running")
    if ctx.output is Output.TABLE:
        for row in rows:
            for loop in row.blocked:
                who = f"job {loop.job}" if loop.job else "a task that no job waits for"
                ctx.say(f"worker {row.name}: {who} blocks an event loop at {loop.where}")
        tell_pauses(ctx, store)
