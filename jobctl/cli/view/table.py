"""Tables for people: whole in a pipe, and no wider than a terminal, where columns give way by their importance.

Ids, names of states, counts and headers are never cut: their column is shown whole or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobctl.cli.view.cell import cell
from jobctl.cli.view.paint import Paint
from jobctl.cli.view.screen import Screen

GAP = "  "
SILENT = frozenset({"-", "0", "no"})
"""Cells that say nothing."""
ABSENT = frozenset({"-"})
"""The same where zero is an answer."""
ALIGNED = 60
"""A cell in a pipe is filled up to so many columns: one long text must not fill all rows with blanks."""
BELOW = 40
"""The columns that a text below its row has at least, if the terminal is that wide."""
NAME = 20
"""As many characters of a longer name (of a job type, a queue) are shown at least."""


def _unstyled(_text: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `value` is an attribute of the record, or a function of it.

    `right` aligns numbers. `style` gives a style of `Paint` for a cell's text. `width` pads cells of a stream, whose
    later rows are not known yet.

    On a narrow terminal the columns of the least `importance` give way (the first one only if it has none), and before
    all others those of which every cell is one of `silent`. Cells are cut to no fewer than `least` characters, or not
    at all without it; with `wrap` they continue in the next line instead. A column `under` the others goes below its
    row, one that `falls` only where it would have to give way.
    """

    header: str
    value: str | Callable[[Any], Any]
    right: bool = False
    importance: int = 5
    least: int | None = None
    wrap: bool = False
    under: bool = False
    falls: bool = False
    silent: Collection[str] = SILENT
    style: Callable[[str], str] = _unstyled
    width: int = 0

    def of(self, record: Any) -> Any:
        """The record's value for this column; the record may be a struct or a mapping."""
        if callable(self.value):
            return self.value(record)
        return record[self.value] if isinstance(record, Mapping) else getattr(record, self.value)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is laid out. `hidden` names the columns for which there was no room, if they had anything to say."""

    text: str
    hidden: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What a person should know of the layout; empty if everything is there."""
        return f"no room for {', '.join(self.hidden)}; use -o json to see all" if self.hidden else ""

    @property
    def whole(self) -> str:
        """The table and its note, for a picture that is drawn again and again."""
        return f"{self.text}{self.note}\n" if self.note else self.text


def table(
    screen: Screen, rows: Sequence[Any], columns: Sequence[Column], width: int | None = None, *, heads: bool = True
) -> Table:
    """Lay rows out for a terminal of `width` columns: stdout's by default, without limit if that is not a terminal."""
    if width is None:
        width = terminal_width(screen)
    grid = [[cell(screen, column.of(row)) for column in columns] for row in rows]
    natural = [
        max(map(display_width, (column.header if heads else "", *(line[n] for line in grid))))
        for n, column in enumerate(columns)
    ]
    if width is None:
        return Table("\n".join(_piped(grid, columns, natural)[not heads :]) + "\n")
    if _total(natural) <= width:
        return Table("\n".join(_drawn(screen, grid, columns, dict(enumerate(natural)), (), 0)[not heads :]) + "\n")
    widths, under, hidden = _fitted(grid, columns, natural, width)
    lines = _drawn(screen, grid, columns, widths, under, width)[not heads :]
    return Table("\n".join(lines) + "\n", tuple(columns[n].header for n in hidden))


def terminal_width(screen: Screen) -> int | None:
    """The columns of the terminal that stdout is; None in a pipe."""
    return shutil.get_terminal_size().columns if screen.stdout_is_tty else None


def _fitted(
    grid: Sequence[Sequence[str]], columns: Sequence[Column], natural: Sequence[int], width: int
) -> tuple[dict[int, int], list[int], list[int]]:
    """The widths of the columns that are shown, those that go under their rows, and those that are missed."""
    least = [
        wide if column.least is None else min(wide, max(len(column.header), column.least))
        for wide, column in zip(natural, columns, strict=True)
    ]
    silent = {n for n, column in enumerate(columns) if all(line[n] in column.silent for line in grid)}
    under = [n for n, column in enumerate(columns) if column.under]
    shown: list[int] = []
    first = columns[0].importance > 0
    for n in sorted(range(len(columns)), key=lambda n: (n > 0 or not first, n in silent, -columns[n].importance)):
        taken = [(natural if n in silent else least)[m] for m in shown]  # what says nothing takes no room from a text
        if n not in under and (not shown or _total([*taken, least[n]]) <= width):
            shown.append(n)
    widths = {n: least[n] for n in sorted(shown)}
    under += [n for n, column in enumerate(columns) if column.falls and n not in widths and n not in silent]
    spare = width - _total(list(widths.values()))
    while spare > 0 and (growing := [n for n in widths if widths[n] < natural[n]]):
        for n in growing[:spare]:
            widths[n] += 1
        spare -= len(growing[:spare])
    return widths, under, [n for n in range(len(columns)) if n not in widths and n not in under and n not in silent]


def _piped(grid: Sequence[Sequence[str]], columns: Sequence[Column], natural: Sequence[int]) -> list[str]:
    """The lines of a table in which nothing is cut; the first has the headers."""
    return [
        GAP.join(
            padded(text, min(wide, ALIGNED), column.right)
            for text, wide, column in zip(line, natural, columns, strict=True)
        ).rstrip()
        for line in [[column.header for column in columns], *grid]
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _drawn(
    screen: Screen,
    grid: Sequence[Sequence[str]],
    columns: Sequence[Column],
    widths: Mapping[int, int],
    under: Sequence[int],
    width: int,
) -> list[str]:
    """The lines of a table; the first has the headers."""
    paint = Paint.of(screen)
    shown = [(columns[n], n, wide) for n, wide in widths.items()]
    heads = [paint.bold(padded(column.header, wide, column.right)) for column, _, wide in shown]
    lines = [GAP.join(heads).rstrip()]
    indent = _total(list(widths.values())[:-1]) + len(GAP) if len(widths) > 1 else len(GAP)
    indent = min(indent, max(len(GAP), width - BELOW))
    for row in grid:
        folded = [wrapped(row[n], wide) if column.wrap else [cut(row[n], wide)] for column, n, wide in shown]
        for depth in range(max(map(len, folded))):
            texts = [pieces[depth] if depth < len(pieces) else "" for pieces in folded]
            cells = [
                paint.styled(column.style(text), padded(text, wide, column.right))
                for text, (column, _, wide) in zip(texts, shown, strict=True)
            ]
            lines.append(GAP.join(cells).rstrip())
        for n in under:
            if row[n] not in columns[n].silent:
                lines += [" " * indent + text for text in wrapped(row[n], max(width - indent, NAME))]
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, broken between words; a word that is longer is cut into pieces."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if display_width(joined) <= width:
            lines[-1] = joined
            continue
        while display_width(word) > width:
            piece = _beginning(word, width)
            lines, word = [*lines, piece], word[len(piece) :]
        lines.append(word)
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, the last of them `…` when something is missing."""
    return text if display_width(text) <= width else f"{_beginning(text, width - 1)}…"


def _beginning(text: str, width: int) -> str:
    """As much of the beginning of a text as fits, and one character at least."""
    end = taken = 0
    while end < len(text) and (taken := taken + display_width(text[end])) <= width:
        end += 1
    return text[: max(end, 1)]


def display_width(text: str) -> int:
    """Columns that a terminal needs for `text`: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, right: bool = False) -> str:
    """`text` in `width` columns, on the left or the right of them."""
    space = " " * max(width - display_width(text), 0)
    return space + text if right else text + space
