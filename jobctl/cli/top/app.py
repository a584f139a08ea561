"""The screen of `jobctl top`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from jobctl import settings
from jobctl.cli.context import Context
from jobctl.cli.top.ask import Ask, Help
from jobctl.cli.top.head import events_of, head_of, tabs_of
from jobctl.cli.top.job import JobScreen
from jobctl.cli.top.rows import Rows
from jobctl.cli.top.style import CSS
from jobctl.cli.top.views import VIEWS, View
from jobctl.cli.view.table import table
from jobctl.errors import JobctlError
from jobctl.faces.change import Changes, Proposal
from jobctl.faces.finding import Finder, read_filter
from jobctl.faces.sample import Sample
from jobctl.faces.sampler import PACE_S, Sampler
from jobctl.ops.filters.filter import Filter
from jobctl.store.data.ids import JobRef

KEYS = " 1-7 view  / filter  Enter open  r retry  c cancel  p pause  ? help  q quit"
MARK_WIDTH = 2


class Top(App[None]):
    """Queues, jobs, groups, workers, schedules, limits and events, looked at again every PACE_S."""

    CSS = CSS
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[Any]] = [
        *(Binding(key, f"view('{key}')", show=False) for key in VIEWS),
        Binding("slash", "filter", show=False),
        Binding("escape", "leave", show=False),
        Binding("r", "change('retry')", show=False),
        Binding("c", "change('cancel')", show=False),
        Binding("d", "change('discard')", show=False),
        Binding("R", "change_all('retry')", show=False),
        Binding("C", "change_all('cancel')", show=False),
        Binding("p", "pause", show=False),
        Binding("f5", "again", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q,ctrl+c", "quit", show=False, priority=False),
    ]

    def __init__(self, ctx: Context, sampler: Sampler, changes: Changes) -> None:
        if not ctx.settings.color:
            settings.show_no_colors()
        super().__init__(ansi_color=True)
        self.ctx = ctx
        self._sampler = sampler
        self._changes = changes
        self._finder = Finder(changes.store)
        self._view = VIEWS["1"]
        self._before: list[tuple[View, Filter]] = []
        self._filter = Filter()
        self._sample = Sample()
        self._rows: Sequence[Any] = ()

    def compose(self) -> ComposeResult:
        yield Static("", id="head", markup=False)
        yield Static("", id="tabs", markup=False)
        yield Input(id="filter", compact=True, placeholder="queue:email state:dead error~timeout since:1h")
        yield Static("", id="problem", markup=False)
        yield Static("", id="columns", markup=False)
        yield Rows(id="rows")
        yield Static("", id="events", markup=False)
        yield Static("", id="said", markup=False)
        yield Static(KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.query_one(Rows).focus()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)  # it leaves the terminal as it was
        self.look()
        self.set_interval(PACE_S, self.look)

    def look(self) -> None:
        """Read what is shown, in a thread: Redis may be slow, keys must not be."""
        if not any(worker.group == "look" and worker.is_running for worker in self.workers):
            self.run_worker(self._look, thread=True, group="look")

    def _look(self) -> None:
        sample = self._sampler.look()
        if self._view is VIEWS["2"]:
            self._finder.look(self._filter)
        if not get_current_worker().is_cancelled:
            self.call_from_thread(self._show, sample)

    def _show(self, sample: Sample) -> None:
        self._sample = sample
        if not (found := self.screen_stack[0].query("#head")):
            return  # it is about to end
        head = found.only_one(Static)
        head.update(head_of(self.ctx, sample, self._changes.store.namespace))
        head.set_class(sample.away is not None, "away")
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        base, view, ctx = self.screen_stack[0], self._view, self.ctx
        base.query_one("#tabs", Static).update(tabs_of(view.name, [one.name for one in VIEWS.values()]))
        jobs = self._finder.found(self._filter) if view is VIEWS["2"] else None
        self._rows = view.rows(self._sample, self._filter) if jobs is None else jobs
        rows = base.query_one(Rows)
        columns = view.columns(ctx, self._sample)
        laid = table(ctx, self._rows, columns, max(20, self.size.width - MARK_WIDTH)).text.splitlines()
        waits = (view is VIEWS["2"] and jobs is None) or self._sample.at is None
        empty = "reading …" if waits and not self._sample.away else view.empty
        base.query_one("#columns", Static).update(Text.from_ansi(f"  {laid[0] if self._rows else empty}"))
        rows.show([view.label(row) for row in self._rows], laid[1:] if self._rows else [])
        tail = base.query_one("#events", Static)
        tail.display = view.name != "events" and self.size.height >= 20
        if tail.display:
            tail.update(events_of(ctx, self._sample))

    def say(self, text: str) -> None:
        """Tell something in the line for that, of the screen that is shown."""
        if isinstance(self.screen, JobScreen):
            self.screen.say(text)
        self.screen_stack[0].query_one("#said", Static).update(f" {text}")

    def action_view(self, key: str) -> None:
        self._go(VIEWS[key], self._filter)

    def _go(self, view: View, wanted: Filter, *, back: bool = False) -> None:
        """Show a view; a filter that it cannot be filtered by is left behind."""
        if view is self._view and wanted is self._filter:
            return
        try:
            view.refuse(wanted)
        except JobctlError:
            wanted = Filter()
        if not back:
            self._before.append((self._view, self._filter))
        self._view, self._filter = view, wanted
        bar = self.query_one("#filter", Input)
        bar.value, bar.display = wanted.text, not wanted.is_empty
        self._complain("")
        self.query_one(Rows).first()
        self.query_one(Rows).focus()
        self._draw()
        self.look()

    def action_filter(self) -> None:
        bar = self.query_one("#filter", Input)
        bar.display = True
        self.screen.set_focus(bar)  # at once: what is typed next is the filter

    def action_leave(self) -> None:
        bar = self.query_one("#filter", Input)
        if self.focused is bar:
            bar.value, bar.display = self._filter.text, not self._filter.is_empty
            self._complain("")
            self.query_one(Rows).focus()
        elif self._before:
            self._go(*self._before.pop(), back=True)
        elif not self._filter.is_empty:
            self._go(self._view, Filter(), back=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            wanted = read_filter(event.value)
            self._view.refuse(wanted)
        except JobctlError as error:
            self._complain("\n".join((*getattr(error, "excerpt", ()), str(error))))
            return
        self._go(self._view, wanted)

    def _complain(self, text: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.update(text)
        problem.display = bool(text)

    @property
    def _chosen(self) -> Any:
        """The record of the chosen row; None without rows."""
        at = self.query_one(Rows).at
        return self._rows[at] if at < len(self._rows) else None

    def on_rows_opened(self, _event: Rows.Opened) -> None:
        if (row := self._chosen) is None:
            return
        words = self._view.opens(row)
        if words is None:
            self.push_screen(JobScreen(self.ctx, JobRef(row.queue, row.id), self._change_job))
        elif words:
            self._go(VIEWS["2"], read_filter(words))

    def action_change(self, verb: str) -> None:
        row = self._chosen
        if row is None:
            return
        if self._view is VIEWS["3"]:
            of_group = {"retry": "retry dead", "discard": "discard"}
            if verb in of_group:
                self.change(of_group[verb], [f"group:{row.group}"], queue=row.queue)
            else:
                self.say("dead letters are retried with r, or discarded with d")
        elif self._view.opens(row) is None and verb != "discard":
            self.change(verb, [row.id], queue=row.queue)
        else:
            self.say(f"choose a {'group' if verb == 'discard' else 'job'} first: Enter opens what this row stands for")

    def _change_job(self, verb: str, job: JobRef) -> None:
        self.change(verb, [job.id], queue=job.queue)

    def action_change_all(self, verb: str) -> None:
        if self._view is not VIEWS["2"] or self._filter.is_empty:
            self.say("this changes all jobs that a filter matches: go to jobs with 2, and filter them with /")
            return
        self.change(verb, [self._filter.text])

    def change(self, verb: str, words: Sequence[str], *, queue: str | None = None) -> None:
        """Plan a change, ask if it has to be agreed to, and carry it out."""

        def plan() -> None:
            try:
                proposal = self._changes.propose(verb, words, queue=queue)
            except JobctlError as error:
                self.call_from_thread(self.say, str(error))
                return
            self.call_from_thread(self._ask, proposal)

        self.say(f"{verb} …")
        self.run_worker(plan, thread=True, group="change")

    def _ask(self, proposal: Proposal) -> None:
        if proposal.question is None:
            self._carry_out(proposal)
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self._carry_out(proposal)
            else:
                self.say("nothing was changed")

        self.push_screen(Ask(proposal.change, proposal.question), answered)

    def _carry_out(self, proposal: Proposal) -> None:
        self._do(lambda: "; ".join(self._changes.carry_out(proposal).lines))

    def _do(self, change: Any) -> None:
        """Change something in a thread, tell what became of it, and look again."""

        def run() -> None:
            try:
                said = change()
            except JobctlError as error:
                said = str(error)
            self._sampler.stale()
            self._finder.stale()
            self.call_from_thread(self.say, said)
            self.call_from_thread(self.look)

        self.run_worker(run, thread=True, group="change")

    def action_pause(self) -> None:
        row = self._chosen
        if self._view is not VIEWS["1"] or row is None:
            self.say("choose a queue first: 1 shows them")
        elif row.paused:
            self._do(lambda: self._changes.resume(row.queue))
        else:
            self._do(lambda: self._changes.pause(row.queue))

    def action_again(self) -> None:
        self._sampler.stale()
        self._finder.stale()
        self.look()

    def action_help(self) -> None:
        self.push_screen(Help())
