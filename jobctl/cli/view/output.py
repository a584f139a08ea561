"""The one renderer: frozen records in, table, JSON, JSON lines, YAML or names out, on stdout only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jobctl.cli.view.cell import cell
from jobctl.cli.view.formats import to_json, to_yaml
from jobctl.cli.view.screen import Output, Screen
from jobctl.cli.view.table import GAP, Column, padded, table
from jobctl.text import sanitize


def emit(ctx: Screen, records: Any, columns: Sequence[Column], *, empty: str = "") -> None:
    """Write one record, or a list of them, in the format that was asked for.

    A list is `[]` when empty in JSON; a table of nothing writes nothing to stdout and says `empty` on
    stderr. The first column is the record's name for `-o name`.
    """
    many = isinstance(records, list | tuple)
    rows: Sequence[Any] = records if many else (records,)
    note = ""
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
            text, note = "", empty
        case Output.TABLE:
            laid = table(ctx, rows, columns)
            text, note = laid.text, laid.note
    ctx.stdout.write(text)
    ctx.stdout.flush()
    if note:
        ctx.say(note)


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
                cells = [padded(cell(ctx, column.of(record)), column.width, column.right) for column in columns]
                text = GAP.join(cells).rstrip()
        ctx.stdout.write(f"{text}\n")
        ctx.stdout.flush()


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
            lines.append(f"{column.header:<{width}}{cell(ctx, value, limit=10_000)}")
    return "\n".join(lines) + "\n"
