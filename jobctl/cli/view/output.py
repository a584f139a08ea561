"""The one renderer: frozen records in, table, JSON, JSON lines, YAML or names out, on stdout only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent
from typing import Any

from jobctl.cli.view.cell import cell
from jobctl.cli.view.formats import to_json, to_yaml
from jobctl.cli.view.screen import Output, Screen
from jobctl.cli.view.table import GAP, Column, padded, table
from jobctl.text import sanitize


def emit(ctx: Screen, records: Any, columns: Sequence[Column], *, empty: str = "") -> None:
    """Write one record, or a list of them, in the format that was asked for.

    A list is `[]` when empty in JSON; a table of nothing writes nothing to stdout and says `empty` on
    stderr. The first column is the record's name for `-o name`. In machine formats the records of a list are written
    as they come, so that an iterator of a million takes no memory; JSON that ends before its `]` was broken off.
    """
    many = isinstance(records, list | tuple | Iterator)
    note = ""
    if ctx.output is not Output.TABLE:
        for text in _listed(ctx.output, records, columns) if many else [_single(ctx.output, records, columns)]:
            ctx.stdout.write(text)
            ctx.stdout.flush()
    elif not many:
        ctx.stdout.write(_sheet(ctx, records, columns))
    elif rows := list(records):
        laid = table(ctx, rows, columns)
        note = laid.note
        ctx.stdout.write(laid.text)
    else:
        note = empty
    ctx.stdout.flush()
    if note:
        ctx.say(note)


def _single(output: Output, record: Any, columns: Sequence[Column]) -> str:
    match output:
        case Output.JSON:
            return to_json(record, indent=2) + "\n"
        case Output.YAML:
            return to_yaml(record)
    return _line(output, record, columns)


def _listed(output: Output, records: Iterable[Any], columns: Sequence[Column]) -> Iterator[str]:
    """The text of a list, a record at a time: together what the whole list would be."""
    before, after = "[\n", "\n]\n"
    for record in records:
        match output:
            case Output.JSON:
                yield before + indent(to_json(record, indent=2), "  ")
            case Output.YAML:
                yield to_yaml([record])
            case _:
                yield _line(output, record, columns)
        before = ",\n"
    if output is Output.JSON:
        yield after if before != "[\n" else "[]\n"
    elif output is Output.YAML and before == "[\n":
        yield "[]\n"


def _line(output: Output, record: Any, columns: Sequence[Column]) -> str:
    return f"{_name(record, columns) if output is Output.NAME else to_json(record)}\n"


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
