"""One job in full, as `job show` shows it, with the end of its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import get_current_worker

from jobctl.cli.context import Context
from jobctl.cli.view.card import card
from jobctl.cli.view.lines import log_line
from jobctl.errors import JobctlError
from jobctl.faces.sampler import PACE_S
from jobctl.ops import held
from jobctl.ops.audit import touched
from jobctl.ops.jobs import locate, logs
from jobctl.store.data.ids import JobRef

LOG_LINES = 200


class JobScreen(Screen[None]):
    """A job that is looked at again and again. `change` applies a verb to it."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape,left,q", "app.pop_screen", show=False),
        Binding("r", "change('retry')", show=False),
        Binding("c", "change('cancel')", show=False),
        Binding("question_mark", "app.help", show=False),
    ]

    def __init__(self, ctx: Context, job: JobRef, change: Callable[[str, JobRef], None]) -> None:
        super().__init__()
        self._change = change
        self._ctx = ctx
        self._job = job

    def compose(self) -> ComposeResult:
        yield Static("", id="head", markup=False)
        with VerticalScroll(id="card"):
            yield Static("reading …", id="text", markup=False)
        yield Static("", id="said", markup=False)
        yield Static(" Esc back   r retry   c cancel   ↑ ↓ scroll   ? help", id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#card").focus()
        self.look()
        self.set_interval(PACE_S, self.look)

    def look(self) -> None:
        self.run_worker(self._read, thread=True, exclusive=True, group="job")

    def say(self, text: str) -> None:
        """Tell what became of a change."""
        self.query_one("#said", Static).update(text)
        self.look()

    def action_change(self, verb: str) -> None:
        self._change(verb, self._job)

    def _read(self) -> None:
        away, text = "", None
        try:
            text = self._text()
        except JobctlError as error:
            away = str(error)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._show, text, away)

    def _text(self) -> Text:
        store = self._ctx.store(retries=2)
        found = locate(store, self._job.id, self._job.queue)
        job = touched(store, held.shown(store, found))
        lines = logs(store, self._job.id, self._job.queue)[-LOG_LINES:]
        text = card(self._ctx, job)
        if lines:
            many = len({line.attempt for line in lines}) > 1
            text += "\n  log\n" + "".join(f"    {log_line(self._ctx, line, many_attempts=many)}\n" for line in lines)
        return Text.from_ansi(text)

    def _show(self, text: Text | None, away: str) -> None:
        head = self.query_one("#head", Static)
        head.update(f" {away}" if away else f" job {self._job.id}")
        head.set_class(bool(away), "away")
        if text is not None:
            self.query_one("#text", Static).update(text)
