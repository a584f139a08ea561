"""`jobctl up`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.worker.run import Processes, Threads
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.ops.up import Snapshot, View


@command
def up(
    ctx: Context,
    processes: Processes = None,
    threads: Threads = None,
    scheduler: Annotated[
        bool, typer.Option("--scheduler/--no-scheduler", help="Also run schedules.", show_default=False)
    ] = True,
) -> int:
    """Run server, workers and scheduler together in the foreground.

    If no Redis is configured, it starts a private server in the project's state directory; other commands in this
    project find it. On a terminal it shows queues and events live, and logs go to files in that directory. Ctrl-C
    lets running jobs finish; a second Ctrl-C stops at once.

    Example: jobctl up --processes 2
    """
    from jobctl.ops.serve import schedulable
    from jobctl.ops.up import Up, UpOptions

    ctx.require_writable("run jobs")
    catalog = schedulable(ctx.settings)
    live = ctx.stdout_is_tty and ctx.stderr.isatty() and not ctx.quiet
    options = UpOptions(processes=processes, threads=threads, scheduler=scheduler, logs_to_files=live)
    return Up(ctx.settings, catalog, options, _view(ctx, live)).run()


def _view(ctx: Context, live: bool) -> View:
    if not live:
        return Lines(ctx)
    from jobctl.cli.view.live import LiveView

    return LiveView(ctx)


class Lines:
    """Says what changes, a line each, for logs and scripts."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._said = ""
        self._on_terminal = ctx.stderr.isatty()

    def show(self, snapshot: Snapshot) -> None:
        said = f"stopping {snapshot.stopping}" if snapshot.stopping else snapshot.outage or f"using {snapshot.server}"
        if said != self._said:
            self._said = said
            self._ctx.say(f"jobctl up: {said}")

    def ready(self) -> None:
        self._ctx.say("jobctl up: ready")

    def failed(self, name: str, lines: Sequence[str]) -> None:
        """Its lines have already gone by."""

    def lost(self) -> bool:
        return self._on_terminal and not self._ctx.stderr.isatty()

    def close(self) -> None:
        """Nothing is held."""
