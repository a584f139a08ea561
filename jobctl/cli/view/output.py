"""The one renderer: frozen records in, table, JSON, JSON lines, YAML or names out, on stdout only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from jobctl import clock
from jobctl.cli.view.sanitize import clean_json, scrub
from jobctl.cli.view.screen import Output, Screen, Times
from jobctl.store.data.states import ALL
from jobctl.text import first_line, sanitize

STATE_STYLES: Mapping[str, str] = {
    **{state.name: state.style for state in ALL},
    "failed": "red",
    "timeout": "red",
    "lost": "red",
}
"""Colours of states, outcomes and events, for `Column.styles`."""
_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
CELL_LIMIT = 1000
MIN_WIDTH = 8
GAP = "  "
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `value` is an attribute of the record, or a function of it.

    `right` aligns numbers. `keep` is never shortened on a narrow terminal (ids). `styles` maps a cell's text
    to one of bold, dim, red, green, yellow, cyan. `width` pads cells of a stream, whose later rows are not known yet.
    """

    header: str
    value: str | Callable[[Any], Any]
    right: bool = False
    keep: bool = False
    styles: Mapping[str, str] | None = None
    width: int = 0

    def of(self, record: Any) -> Any:
        """The record's value for this column; the record may be a struct or a mapping."""
        if callable(self.value):
            return self.value(record)
        return record[self.value] if isinstance(record, Mapping) else getattr(record, self.value)


def message(record: Any) -> str | None:
    """What fits a table of a failure's message: its first line. Programs and `show` get all of it."""
    return first_line(record.message) or None


def failure(record: Any) -> str | None:
    """A failure in one line: `ValueError: no such day`."""
    told = ": ".join(part for part in (record.error, first_line(record.message)) if part)
    return told or None


def emit(ctx: Screen, records: Any, columns: Sequence[Column], *, empty: str = "") -> None:
    """Write one record, or a list of them, in the format that was asked for.

    A list is `[]` when empty in JSON; a table of nothing writes nothing to stdout and says `empty` on
    stderr. The first column is the record's name for `-o name`.
    """
    many = isinstance(records, list | tuple)
    rows: Sequence[Any] = records if many else (records,)
    match ctx.output:
        case Output.JSON:
            text = to_json(list(rows) if many else rows[0], indent=2) + "\n"
        case Output.JSONL:
            text = "".join(to_json(row) + "\n" for row in rows)
        case Output.YAML:
            text = to_yaml(list(rows) if many else rows[0])
        case Output.NAME:
            text = "".join(_name(row, columns) + "\n" for row in rows)
        case Output.TABLE if not many:
            text = _sheet(ctx, rows[0], columns)
        case Output.TABLE if not rows:
            text = ""
            if empty:
                ctx.say(empty)
        case Output.TABLE:
            text = table_text(ctx, rows, columns)
    ctx.stdout.write(text)
    ctx.stdout.flush()


def stream(ctx: Screen, records: Iterable[Any], columns: Sequence[Column]) -> None:
    """Write records as they come, each at once. JSON is a record a line, since the list has no end."""
    for record in records:
        match ctx.output:
            case Output.JSON | Output.JSONL:
                text = to_json(record)
            case Output.YAML:
                text = f"---\n{to_yaml(record)}".rstrip("\n")
            case Output.NAME:
                text = _name(record, columns)
            case Output.TABLE:
                cells = [(_cell(ctx, column.of(record)), column) for column in columns]
                text = GAP.join(_padded(cell, c.width, c.right) for cell, c in cells).rstrip()
        ctx.stdout.write(f"{text}\n")
        ctx.stdout.flush()


def to_json(value: Any, *, indent: int = 0) -> str:
    """A record (or several) as JSON text that is also safe to show. Instants are RFC 3339 UTC."""
    try:
        data = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        data = _encode_odd(value)
    if indent:
        data = msgspec.json.format(data, indent=indent)
    return clean_json(data.decode())


def _encode_odd(value: Any) -> bytes:
    """For values out of foreign payloads that msgspec does not take: lone surrogates, huge numbers."""
    import json

    return json.dumps(scrub(msgspec.to_builtins(value)), ensure_ascii=False, separators=(",", ":")).encode()


def to_yaml(value: Any) -> str:
    """A record (or several) as YAML."""
    import yaml

    plain = scrub(msgspec.to_builtins(value))
    text: str = yaml.dump(
        plain,
        Dumper=yaml.CSafeDumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    if sanitize(text, newlines=True, limit=None) != text:
        text = yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=False)
    return text


def relative(moment: datetime, now_ms: int | None = None) -> str:
    """An instant as people say it: `3m ago`, `in 5s`, `now`."""
    now = clock.now_ms() if now_ms is None else now_ms
    ahead = clock.to_ms(moment) - now
    text = short_duration(abs(ahead) / 1000)
    if abs(ahead) < 1000:
        return "now"
    return f"in {text}" if ahead > 0 else f"{text} ago"


def short_duration(seconds: float | None) -> str:
    """A duration in its largest unit: `350ms`, `42s`, `3m`, `2h`, `5d`; `-` for None."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def iso(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC, to the millisecond."""
    return clock.to_datetime(clock.to_ms(moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cell(ctx: Screen, value: Any, *, limit: int = CELL_LIMIT) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return relative(value) if ctx.times is Times.RELATIVE else iso(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    if not isinstance(value, str | int):
        value = to_json(value)
    return sanitize(str(value), limit=limit)


def _name(record: Any, columns: Sequence[Column]) -> str:
    return sanitize(str(columns[0].of(record)))


def _sheet(ctx: Screen, record: Any, columns: Sequence[Column]) -> str:
    """One record as lines of `name  value`; long text keeps its lines, indented."""
    width = max(len(column.header) for column in columns) + 2
    lines: list[str] = []
    for column in columns:
        value = column.of(record)
        if isinstance(value, str) and "\n" in value.strip():
            kept = sanitize(value.strip("\n"), newlines=True).expandtabs(4).splitlines()
            lines += [f"{column.header}", *(f"  {line}" for line in kept)]
        else:
            lines.append(f"{column.header:<{width}}{_cell(ctx, value, limit=10_000)}")
    return "\n".join(lines) + "\n"


def table_text(ctx: Screen, rows: Sequence[Any], columns: Sequence[Column]) -> str:
    """Aligned text: as wide as the terminal for a person, nothing shortened and no colour for a pipe."""
    grid = [[column.header for column in columns]]
    grid += [[_cell(ctx, column.of(row)) for column in columns] for row in rows]
    widths = [max(display_width(line[index]) for line in grid) for index in range(len(columns))]
    if ctx.stdout_is_tty:
        widths = _fitted(widths, columns, shutil.get_terminal_size().columns)
    lines = []
    for number, line in enumerate(grid):
        cells = [
            _painted(_padded(cut(cell, width), width, c.right), _style(ctx, number, cell, c))
            for cell, width, c in zip(line, widths, columns, strict=True)
        ]
        lines.append(GAP.join(cells).rstrip() + "\n")
    return "".join(lines)


def _fitted(widths: Sequence[int], columns: Sequence[Column], terminal: int) -> list[int]:
    """Widths that fit, taken from the widest text columns; ids and numbers keep theirs."""
    fitted = list(widths)
    least = [
        width if c.keep or c.right else min(width, max(len(c.header), MIN_WIDTH))
        for width, c in zip(widths, columns, strict=True)
    ]
    over = sum(fitted) + len(GAP) * (len(fitted) - 1) - terminal
    while over > 0:
        spare, index = max((fitted[i] - least[i], i) for i in range(len(fitted)))
        if spare <= 0:
            break
        taken = min(over, max(spare // 2, 1))
        fitted[index] -= taken
        over -= taken
    return fitted


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, the last of them `…` when something is missing."""
    if display_width(text) <= width:
        return text
    while text and display_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _style(ctx: Screen, line: int, cell: str, column: Column) -> str:
    if not ctx.color:
        return ""
    return "bold" if line == 0 else (column.styles or {}).get(cell, "")


def _painted(text: str, style: str) -> str:
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if style else text


def display_width(text: str) -> int:
    """Columns that a terminal needs for `text`: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * max(width - display_width(text), 0)
    return space + text if right else text + space
