"""The live view of `jobctl up` on a terminal: parts, queues and what happened last, redrawn when told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from jobctl.cli.context import Context
from jobctl.cli.view.cell import failure
from jobctl.cli.view.lines import moment
from jobctl.cli.view.paint import style_of
from jobctl.cli.view.queues import COLUMNS
from jobctl.cli.view.table import NAME, Column, table
from jobctl.ops.pauses import sentence
from jobctl.text import sanitize as clean

if TYPE_CHECKING:
    from jobctl.ops.up import Snapshot
    from jobctl.store.data.records import Event, PauseRow, QueueRow

_QUEUES = tuple(column for column in COLUMNS if column.header != "WORKERS")
_EVENTS = (
    Column("TIME", lambda event: f"{event.at.astimezone():%H:%M:%S}", importance=0, style=lambda _: "dim"),
    Column("EVENT", "event", importance=8, style=style_of),
    Column("TYPE", "type", importance=7, least=NAME),
    Column("ID", "id", importance=9),
    Column("WHAT", lambda event: failure(event) or event.label, importance=6, least=10),
)


class LiveView:
    """Draws on stderr's terminal; what was last seen stays there when it closes."""

    def __init__(self, ctx: Context) -> None:
        self._console = Console(
            file=ctx.stderr, no_color=not ctx.color, color_system="auto" if ctx.color else None, highlight=False
        )
        self._ctx = ctx
        self._stderr = ctx.stderr
        self._logs = ctx.settings.state_dir / "logs"
        self._live: Live | None = None
        self._closed = False
        self._last: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        if self._closed or self.lost():
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._last = snapshot
        self._live.update(self._picture(snapshot), refresh=True)

    def ready(self) -> None:
        """The view shows it."""

    def failed(self, name: str, lines: Sequence[str]) -> None:
        self._console.print(Text(f"the last lines of {self._logs / name}.log:", style="bold"))
        for line in lines:
            self._console.print(Text(f"  {clean(line, limit=300)}"), overflow="ellipsis", no_wrap=True)

    def lost(self) -> bool:
        return not self._stderr.isatty()

    def close(self) -> None:
        self._closed = True
        if self._live is not None and not self.lost():
            if self._last is not None:
                self._live.update(self._picture(self._last, "stopped"), refresh=True)
            self._live.stop()
            self._live = None

    def _picture(self, snapshot: Snapshot, end: str = "") -> RenderableType:
        return Group(
            _parts(snapshot),
            Text(),
            _queues(self._ctx, snapshot.queues, self._console.width),
            _pauses(snapshot.pauses, lambda at: moment(self._ctx, at)),
            _events(self._ctx, snapshot.events, self._console.width),
            Text(end) if end else _last_line(snapshot, str(self._logs)),
        )


def _parts(snapshot: Snapshot) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_row(Text("server", style="bold"), snapshot.outage or snapshot.server)
    for name, status in snapshot.parts:
        grid.add_row(Text(name, style="bold"), Text(clean(status)))
    return grid


def _queues(ctx: Context, rows: Sequence[QueueRow], width: int) -> RenderableType:
    if not rows:
        return Text("no queues yet", style="dim")
    return Text.from_ansi(table(ctx, rows, _QUEUES, width).text.rstrip("\n"))


def _pauses(rows: Sequence[PauseRow], when: Callable[[datetime], str]) -> Text:
    """A line for each, and an empty one."""
    return Text("".join(f"{clean(sentence(row, when), limit=300)}\n" for row in rows), style="yellow")


def _events(ctx: Context, events: Sequence[Event], width: int) -> RenderableType:
    if not events:
        return Text("no events yet: try `jobctl enqueue TYPE key=value` in another terminal\n", style="dim")
    return Text.from_ansi(table(ctx, events, _EVENTS, width, heads=False).text)


def _last_line(snapshot: Snapshot, logs: str) -> Text:
    if snapshot.stopping:
        return Text(f"stopping: waiting for {snapshot.stopping}; Ctrl-C again stops now", style="yellow")
    return Text(f"logs are in {logs}; Ctrl-C stops", style="dim")
