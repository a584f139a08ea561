"""The question before a change of many jobs, and the help."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from jobctl.cli.bulk.confirm import PREVIEW_LINES
from jobctl.ops.bulk.consent import Change, Question
from jobctl.text import sanitize

HELP = """\
  1 … 7           queues, jobs, groups, workers, schedules, limits, events
  ↑ ↓ j k         choose a row; PageUp, PageDown, Home, End
  Enter           what the row stands for: its jobs, or the job in full
  Esc             back; at last, without the filter
  /               filter, as in `jobctl job ls`: queue:email state:dead since:1h
  r               retry the job, or all dead letters of the group
  c               cancel the job
  d               discard the dead letters of the group, to the trash
  R  C            retry, cancel all jobs that the filter of `jobs` matches
  p               pause the queue, or resume it
  F5              look again now
  q               quit

  What needs confirmation at the command line needs it here.
  Esc closes this."""


class Ask(ModalScreen[bool]):
    """Shows what a change touches, and takes the answer."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "dismiss(False)", show=False)]

    def __init__(self, change: Change, question: Question) -> None:
        super().__init__()
        self._change = change
        self._question = question

    def compose(self) -> ComposeResult:
        lines = [f"  {sanitize(line, limit=200)}" for line in self._change.preview[:PREVIEW_LINES]]
        if (more := len(self._change.preview) - PREVIEW_LINES) > 0:
            lines.append(f"  … and {more:,} more")
        word = self._question.word
        wanted = "[y/N]" if word is None else f": type {sanitize(word)} to continue"
        with Vertical(id="box"):
            yield Static("\n".join(lines), markup=False)
            yield Static(f"{self._change.sentence}? {wanted}".replace("? :", ":"), markup=False, id="question")
            yield Input(compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(self._question.agreed(event.value.strip()))


class Help(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape,q,question_mark,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(HELP, markup=False)
