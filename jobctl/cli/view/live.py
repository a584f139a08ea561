"""The live view of `jobctl up` on a terminal: parts, queues and what happened last, redrawn when told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobctl.cli.context import Context
from jobctl.cli.view.lines import moment
from jobctl.cli.view.output import STATE_STYLES, failure
from jobctl.ops.pauses import sentence
from jobctl.store.data.states import ALL
from jobctl.text import sanitize as clean

if TYPE_CHECKING:
    from jobctl.ops.up import Snapshot
    from jobctl.store.data.records import Event, PauseRow, QueueRow

_NUMBERS = tuple(state.name for state in ALL if state.counted)


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
            _queues(snapshot.queues),
            _pauses(snapshot.pauses, lambda at: moment(self._ctx, at)),
            _events(snapshot.events),
            Text(end) if end else _last_line(snapshot, str(self._logs)),
        )


def _parts(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("server", style="bold"), snapshot.outage or snapshot.server)
    for name, status in snapshot.parts:
        table.add_row(Text(name, style="bold"), Text(clean(status)))
    return table


def _queues(rows: Sequence[QueueRow]) -> RenderableType:
    if not rows:
        return Text("no queues yet", style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("QUEUE")
    names = [name for name in _NUMBERS if name != "limited" or any(row.limited for row in rows)]
    for name in names:
        table.add_column(name.upper(), justify="right")
    for row in rows:
        numbers = [getattr(row, name) for name in names]
        shown = [Text("-" if n is None else str(n), style="red" if n and k == "dead" else "")
                 for k, n in zip(names, numbers, strict=True)]  # fmt: skip
        table.add_row(clean(row.queue) + (" (paused)" if row.paused else ""), *shown)
    return table


def _pauses(rows: Sequence[PauseRow], when: Callable[[datetime], str]) -> Text:
    """A line for each, and an empty one."""
    return Text("".join(f"{clean(sentence(row, when), limit=300)}\n" for row in rows), style="yellow")


def _events(events: Sequence[Event]) -> RenderableType:
    if not events:
        return Text("nothing has happened yet: try `jobctl enqueue TYPE key=value` in another terminal\n", style="dim")
    # The last column takes what is left: without a ratio, Rich makes room for a long one by dropping the first.
    table = Table.grid(padding=(0, 2), expand=True)
    for texts in (["00:00:00"], [e.event for e in events], [e.type for e in events], [e.id for e in events]):
        table.add_column(no_wrap=True, min_width=min(24, max(map(len, texts))))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for event in events:
        what = failure(event) or event.label or ""
        table.add_row(
            Text(event.at.astimezone().strftime("%H:%M:%S"), style="dim"),
            Text(event.event, style=STATE_STYLES.get(event.event, "")),
            clean(event.type),
            clean(event.id),
            Text(clean(what, limit=200)),
        )
    return Group(table, Text())


def _last_line(snapshot: Snapshot, logs: str) -> Text:
    if snapshot.stopping:
        return Text(f"stopping: waiting for {snapshot.stopping}; Ctrl-C again stops now", style="yellow")
    return Text(f"logs are in {logs}; Ctrl-C stops", style="dim")
