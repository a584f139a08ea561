"""`jobctl job show --watch`: one job until it has ended, drawn in its place or a record each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.context import Context, Output
from jobctl.cli.view.card import card
from jobctl.cli.view.output import stream
from jobctl.cli.view.table import Column

if TYPE_CHECKING:
    from jobctl.store import Store


def watch_job(ctx: Context, store: Store, job_id: str, queue: str | None, *, unredacted: bool) -> None:
    """Show a job until it has ended. Raises NothingMatched when it is not, or no longer, known."""
    from jobctl.ops.jobs import watch

    jobs = watch(store, job_id, queue, unredacted=unredacted)
    if ctx.stdout_is_tty and ctx.output is Output.TABLE:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(file=ctx.stdout, markup=False, highlight=False, no_color=not ctx.color)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            for job in jobs:
                live.update(Text.from_ansi(card(ctx, job)), refresh=True)
        return
    last = None
    for job in jobs:
        if job == last:
            continue
        if ctx.output is Output.TABLE:
            ctx.stdout.write(("\n" if last else "") + card(ctx, job))
            ctx.stdout.flush()
        else:
            stream(ctx, [job], (Column("ID", "id"),))
        last = job
