"""Rendering: the same records in every format, and nothing in them that steers a terminal."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobctl.cli.context import Context, Output, Times
from jobctl.cli.view.cell import failure, relative, short_duration
from jobctl.cli.view.formats import to_json
from jobctl.cli.view.output import emit, stream
from jobctl.cli.view.sanitize import clean_json
from jobctl.cli.view.table import Column
from jobctl.settings import Settings
from jobctl.text import sanitize

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Row(msgspec.Struct, frozen=True):
    id: str
    count: int = 0
    at: datetime | None = None
    note: Any = None


COLUMNS = (
    Column("ID", "id"),
    Column("COUNT", "count", right=True),
    Column("AT", "at"),
    Column("NOTE", "note", least=8),
)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(records: Any, output: Output, *, tty: bool = False, **options: Any) -> str:
    out = Tty() if tty else io.StringIO()
    settings = Settings(Path("jobs.yaml"), color=options.pop("color", True))
    ctx = Context(settings, output, stdout=out, stderr=io.StringIO(), **options)
    emit(ctx, records, COLUMNS)
    return out.getvalue()


ROWS = [Row("a", 5, AT, "x"), Row("bcd", 12_000, None, {"k": [1]})]


def test_a_table_in_a_pipe_is_aligned_text_without_colour_or_cuts() -> None:
    long = "n" * 500
    text = rendered([*ROWS, Row("e", note=long)], Output.TABLE, times=Times.ISO)
    lines = text.splitlines()
    assert lines[0].split() == ["ID", "COUNT", "AT", "NOTE"]
    assert lines[1] == "a        5  2026-11-22T10:00:00.000Z  x"
    assert lines[2].split() == ["bcd", "12000", "-", '{"k":[1]}']
    assert long in lines[3]
    assert "\x1b" not in text
    assert "\t" not in text


def test_a_long_cell_does_not_fill_the_other_rows_of_a_pipe_with_blanks() -> None:
    columns = (COLUMNS[0], COLUMNS[3], COLUMNS[1])
    out = io.StringIO()
    emit(Context(Settings(Path("x")), stdout=out), [Row("a", 1, note="n" * 500), Row("b", 2, note="short")], columns)
    assert out.getvalue().splitlines()[1:] == [f"a   {'n' * 500}      1", f"b   {'short':<60}      2"]


def test_a_text_for_which_there_is_no_room_goes_below_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    columns = (COLUMNS[0], COLUMNS[1], Column("NOTE", "note", importance=1, least=20, falls=True))
    out = Tty()
    emit(
        Context(Settings(Path("x"), color=False), stdout=out, stderr=out),
        [Row("i" * 20, 1, note="seven words " * 7)],
        columns,
    )
    assert all(len(line) <= 40 for line in out.getvalue().splitlines())
    assert out.getvalue().split()[:4] == ["ID", "COUNT", "i" * 20, "1"]
    assert out.getvalue().split()[4:] == ["seven", "words"] * 7


def test_a_table_on_a_terminal_fits_it_and_keeps_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    text = rendered([Row("i" * 20, note="n" * 100)], Output.TABLE, tty=True)
    assert "i" * 20 in text
    assert "…" in text
    plain = rendered([Row("x", note="[/red] :smile: [bold]")], Output.TABLE, tty=True, color=False)
    assert "[/red] :smile: [bold]" in plain
    assert "\x1b" not in plain


def test_json_is_the_records_themselves() -> None:
    assert json.loads(rendered(ROWS, Output.JSON)) == [
        {"id": "a", "count": 5, "at": "2026-11-22T10:00:00Z", "note": "x"},
        {"id": "bcd", "count": 12000, "at": None, "note": {"k": [1]}},
    ]
    assert json.loads(rendered(ROWS[0], Output.JSON))["id"] == "a"
    assert [json.loads(line)["id"] for line in rendered(ROWS, Output.JSONL).splitlines()] == ["a", "bcd"]


def test_yaml_and_names() -> None:
    assert yaml.safe_load(rendered(ROWS, Output.YAML))[0]["at"] == "2026-11-22T10:00:00Z"
    assert rendered(ROWS, Output.NAME) == "a\nbcd\n"


def test_nothing_is_an_empty_list_and_an_empty_table() -> None:
    assert rendered([], Output.JSON) == "[]\n"
    assert rendered([], Output.YAML) == "[]\n"
    assert rendered([], Output.TABLE) == rendered([], Output.JSONL) == rendered([], Output.NAME) == ""


def test_a_stream_writes_a_record_a_line() -> None:
    out = io.StringIO()
    ctx = Context(Settings(Path("x")), Output.JSON, stdout=out)
    stream(ctx, iter(ROWS), COLUMNS)
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == ["a", "bcd"]


def test_odd_values_of_foreign_payloads_are_written_too() -> None:
    assert json.loads(to_json({"a": "\ud800", "b": 2**100}))["b"] == 2**100
    assert "\ufffd" in to_json({"a": "\ud800"})


@pytest.mark.parametrize(
    ("offset_ms", "text"),
    [(0, "now"), (-180_000, "3m ago"), (5_000, "in 5s"), (-7_200_000, "2h ago"), (864_000_000, "in 10d")],
)
def test_relative_times(offset_ms: int, text: str) -> None:
    now = 1_800_000_000_000
    assert relative(datetime.fromtimestamp((now + offset_ms) / 1000, UTC), now) == text


def test_short_durations() -> None:
    assert [short_duration(s) for s in (None, 0.35, 42.9, 61, 90_000)] == ["-", "350ms", "42s", "1m", "1d"]


ATTACKS = [
    "\x1b[2Jcleared",
    "\x1b]0;title\x07text",
    "\x1b]52;c;ZXZpbA==\x1b\\x",
    "\x9b31mred",
    "\x9d0;t\x9cx",
    "safe\rEVIL",
    "a\u202eb",
    "\x1bPq\x1b\\z",
    "\x08\x08\x08back",
    "\x1b",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_known_attacks_leave_only_text(attack: str) -> None:
    assert sanitize(attack).isprintable()
    for output in Output:
        shown = rendered([Row(attack, note=attack)], output)
        assert not any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in shown), output
        assert "\u202e" not in shown


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_safe_json_has_the_same_value(value: Any) -> None:
    assert json.loads(clean_json(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    ("error", "message", "shown"),
    [
        ("ExitCode", "exit 2: no such folder\ntar: photos: no such folder", "ExitCode: exit 2: no such folder"),
        ("KeyError", "", "KeyError"),
        (None, None, None),
    ],
)
def test_a_failure_in_a_table_is_its_class_and_the_first_line(
    error: str | None, message: str | None, shown: str | None
) -> None:
    assert failure(SimpleNamespace(error=error, message=message)) == shown


@pytest.mark.parametrize("output", [Output.JSON, Output.JSONL, Output.YAML, Output.NAME])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_is_written_as_its_records_come(output: Output, count: int) -> None:
    out = io.StringIO()
    written: list[int] = []

    def records() -> Iterator[Row]:
        for row in ROWS[:count]:
            written.append(len(out.getvalue()))
            yield row

    emit(Context(Settings(Path("jobs.yaml")), output, stdout=out, stderr=io.StringIO()), records(), COLUMNS)
    assert out.getvalue() == rendered(ROWS[:count], output)
    assert len(set(written)) == count
    if output in (Output.JSON, Output.YAML):
        assert [row["id"] for row in yaml.safe_load(out.getvalue())] == [row.id for row in ROWS[:count]]
