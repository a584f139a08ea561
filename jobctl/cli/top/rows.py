"""A list of lines with one that is chosen: by keys, without colours too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

MARK, NO_MARK = "> ", "  "
_CHOSEN = Style(reverse=True)


class Rows(ScrollView, can_focus=True):
    """Lines, each of a row. A refresh keeps the choice with its row, wherever that has moved."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter,l,right", "open", show=False),
    ]

    class Opened(Message):
        """The chosen row was opened."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lines: Sequence[str] = ()
        self._names: Sequence[Hashable] = ()
        self.at = 0

    def show(self, names: Sequence[Hashable], lines: Sequence[str]) -> None:
        """Show a line for each of these rows."""
        chosen = self._names[self.at] if self.at < len(self._names) else None
        if (lines, names) == (self._lines, self._names):
            return
        self._lines, self._names = lines, names
        self.at = names.index(chosen) if chosen in names else min(self.at, max(0, len(names) - 1))
        self.virtual_size = Size(self.size.width, len(lines))
        self.refresh()

    def first(self) -> None:
        """Choose the first row."""
        self.at = 0
        self.scroll_to(y=0, animate=False, force=True)

    def action_move(self, by: int) -> None:
        self.at = max(0, min(len(self._lines) - 1, self.at + by))
        height = max(1, self.size.height)
        if self.at < self.scroll_offset.y:
            self.scroll_to(y=self.at, animate=False, force=True)
        elif self.at >= self.scroll_offset.y + height:
            self.scroll_to(y=self.at - height + 1, animate=False, force=True)
        self.refresh()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.size.width
        if at >= len(self._lines):
            return Strip.blank(width)
        chosen = at == self.at
        text = Text.from_ansi((MARK if chosen else NO_MARK) + self._lines[at], no_wrap=True, end="")
        segments = [Segment(one.text, one.style) for one in text.render(self.app.console)]
        strip = Strip(segments).adjust_cell_length(width)
        return strip.apply_style(_CHOSEN) if chosen else strip
