"""`jobctl ps`."""

from __future__ import annotations

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.output import Column
from jobctl.cli.view.pauses import tell_pauses

COLUMNS = (
    Column("KIND", "kind", keep=True),
    Column("HOST", "host"),
    Column("PID", "pid", right=True),
    Column("QUEUES", lambda row: ", ".join(row.queues)),
    Column("PROCESSES", "processes", right=True),
    Column("THREADS", "threads", right=True),
    Column("RUNNING", "running", right=True),
    Column("MEMORY", lambda row: f"{row.memory_mb:,.0f} MB", right=True),
    Column("STARTED", "started_at"),
    Column("BEAT", lambda row: f"{row.beat_s:.1f}s ago", right=True),
)


@command
def ps(ctx: Context) -> None:
    """Show the live workers and schedulers."""
    columns = (Column("NAME", "name"),) if ctx.output is Output.NAME else COLUMNS
    store = ctx.store()
    ctx.emit(store.processes.ls(), columns, empty="no worker and no scheduler is running")
    if ctx.output is Output.TABLE:
        tell_pauses(ctx, store)
