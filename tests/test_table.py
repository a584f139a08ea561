"""Tables on terminals of different widths: nothing breaks, ids and counts are whole, what had no room is said."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobctl.cli.commands import doctor, ps
from jobctl.cli.commands.alert._shared import columns as alert_columns
from jobctl.cli.commands.dead._groups import columns as group_columns
from jobctl.cli.commands.dead._shared import LETTERS
from jobctl.cli.commands.index._shared import COLUMNS as INDEXES
from jobctl.cli.commands.job._shared import COLUMNS as JOBS
from jobctl.cli.commands.limit import ls as limit_ls
from jobctl.cli.commands.limit._shared import columns_for
from jobctl.cli.commands.op._shared import COLUMNS as OPERATIONS
from jobctl.cli.commands.profile._shared import COLUMNS as PROFILES
from jobctl.cli.commands.profile._shared import ProfileRow
from jobctl.cli.commands.schedule._columns import columns as schedule_columns
from jobctl.cli.context import Context
from jobctl.cli.registry import COMMANDS, Entry
from jobctl.cli.view.card import card
from jobctl.cli.view.lines import EventLines
from jobctl.cli.view.parts import PARTS
from jobctl.cli.view.queues import COLUMNS as QUEUES
from jobctl.cli.view.table import Column, display_width, table, wrapped
from jobctl.ops.alerts.look import AlertRow
from jobctl.ops.doctor.check import Check
from jobctl.ops.groups import GroupRow
from jobctl.ops.indexes import IndexRow
from jobctl.ops.schedules.look import ScheduleRow
from jobctl.settings import Settings
from jobctl.store.data.plans import PlanRow
from jobctl.store.data.records import (
    DeadLetter,
    Event,
    Job,
    LimitKeyRow,
    LimitRow,
    ProcessRow,
    QueueRow,
)
from jobctl.store.nouns.operations import OperationRow

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ID, GROUP, COUNT = "1m87b32bbcbe307r3fvy", "738314c2", 1_234_567
TYPE, QUEUE = "send-campaign-mail", "campaigns-outbound"
TEXT = "the other side closed the connection before it answered, as it does at night"
COMMON: dict[str, Any] = {"type": TYPE, "queue": QUEUE, "error": "ConnectionResetError", "message": TEXT}
LIMIT_KEY = LimitKeyRow(key="customer-4711", waiting=COUNT, used=30, next_at=AT)
LIMIT = LimitRow(
    name=TYPE, queue=QUEUE, type=TYPE, kind="rate", rate="100/m", burst=1, window="smooth", concurrency=None, key="k",
    used=77, waiting=COUNT, next_at=AT, keys=88_888, worst=(LIMIT_KEY,), catalog="50/m",
    set_by="ada@build-7", set_until=AT,
)  # fmt: skip


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen() -> Context:
    return Context(Settings(Path("jobs.yaml"), color=False), stdout=Tty(), stderr=Tty())


LISTS: dict[str, tuple[Sequence[Column], Any]] = {
    "job ls": (JOBS, Job(id=ID, state="retrying", label="order 4711", attempt_count=12, enqueued_at=AT, **COMMON)),
    "dead ls": (
        LETTERS,
        DeadLetter(
            id=ID, label=None, died_at=AT, attempt_count=12, attempts=(), group=GROUP, payload={}, **COMMON
        ),
    ),
    "dead groups": (
        group_columns(screen()),
        GroupRow(history=(0, 7) * 6, group=GROUP, count=COUNT, first_died_at=AT, last_died_at=AT, **COMMON),
    ),
    "a plan": (
        PARTS,
        PlanRow(queue=QUEUE, state="dead", type=TYPE, group=GROUP, error="ConnectionResetError", count=COUNT),
    ),
    "queue ls": (
        QUEUES,
        QueueRow(
            queue=QUEUE, waiting=COUNT, delayed=22, retrying=333, limited=4_444, running=55, dead=66_666,
            oldest_waiting_s=100.0, workers=3, paused=False, paused_types=(TYPE,),
        ),
    ),
    "op ls": (
        OPERATIONS,
        OperationRow(
            id="7k2m9q", action="dead discard", target=f"job:{TYPE} since:2h", state="running", why=None,
            who="ada@build-7", profile="", began_at=AT, ended_at=None, matched=COUNT, changed=COUNT, skipped=0,
            failed=12,
            left=7, reason=TEXT, command="", detail="", parts=(), samples=(),
        ),
    ),
    "alert ls": (
        alert_columns(screen()),
        AlertRow(
            name="weekly-billing-run", state="pending", since=AT, when="latency > 5m", filter=f"queue:{QUEUE}",
            value=1234.5, unit="s", worst=QUEUE, checked_at=AT, notice="failed", told_at=AT, error=TEXT, muted=True,
            muted_until=AT, muted_by="ada@build-7", mute_reason=TEXT,
        ),
    ),
    "index ls": (
        INDEXES, IndexRow(queue=QUEUE, type=TYPE, key="customer.address.city", state="incomplete", entries=COUNT),
    ),
    "limit ls": (columns_for(screen()), LIMIT),
    "limit ls --keys": (limit_ls._KEYS, (LIMIT, LIMIT_KEY)),
    "schedule ls": (
        schedule_columns(screen()),
        ScheduleRow(
            name="weekly-billing-run", job=TYPE, when="at 09:00 Monday to Friday, New York", timezone="Asia/Tokyo",
            next_at=AT, last_at=AT, last_outcome="completed", last_job=ID, late_s=12.0, catch_up="latest",
            overlap="skip", paused=True, paused_until=AT, paused_by="ada@build-7", reason=TEXT,
            set_by="ada@build-7", set_until=AT, set_reason="an audit",
        ),
    ),
    "ps": (
        ps.COLUMNS,
        ProcessRow(
            name="build-7:1:a", kind="scheduler", host="build-7.internal", pid=4_194_304, queues=(QUEUE, "default"),
            processes=16, threads=256, running=4_096, memory_mb=12_345.6, started_at=AT, beat_s=1.5, hanging=12,
        ),
    ),
    "profile ls": (
        PROFILES,
        ProfileRow(
            name="production-eu", current=True, redis_url="rediss://jobs@redis.internal:6380/0", namespace="shop",
            catalog="/etc/shop/jobs.yaml", read_only=True, production=True, require_reason=True,
            cluster=False,
        ),
    ),
    "doctor": (doctor.COLUMNS, Check("stock workers", "fail", TEXT, "stop it, or let it be one of jobctl's own", AT)),
}  # fmt: skip


def test_every_command_that_lists_is_among_these() -> None:
    names = [
        f"{top.name} {entry.name}".removesuffix(f" {top.name}")
        for top in COMMANDS
        for entry in ([top] if isinstance(top, Entry) else top.commands)
    ]
    lists = {name for name in names if name.split()[-1] in ("ls", "groups", "ps", "doctor")}
    assert lists == {name for name in LISTS if name in names}


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_fits_the_terminal_and_cuts_neither_ids_nor_counts_nor_headers(name: str, width: int) -> None:
    columns, record = LISTS[name]
    laid = table(screen(), [record], columns, width)
    lines = laid.text.splitlines()
    assert max(map(display_width, lines)) <= width, laid.text
    {column.header: column for column in columns}
    shown = [column for column in columns if f" {column.header} " in f" {lines[0]} "]
    assert " ".join(lines[0].split()) == " ".join(column.header for column in shown), "headers are whole"
    for column in shown:
        if column.least is None and not column.under:
            [cell] = table(Context(Settings(Path("x"))), [record], [column]).text.splitlines()[1:]
            assert cell in lines[1], f"{column.header} is cut"
    missed = [column for column in columns if column not in shown and not column.under]
    below = [column for column in missed if column.falls]
    assert set(laid.hidden) == {
        column.header for column in missed if not column.falls and not says_nothing(column, record)
    }
    assert len(lines) > 2 or not below, "what falls is below its row"
    assert columns[0] in shown
    if width == 200:
        assert not laid.hidden


def says_nothing(column: Column, record: object) -> bool:
    cell = table(Context(Settings(Path("x"))), [record], [column]).text.splitlines()[1:]
    return "".join(cell).strip() in column.silent


def test_less_important_columns_give_way_first_and_silent_ones_before_all_and_unsaid() -> None:
    columns = (
        Column("ID", "id"),
        Column("MINOR", "minor", importance=1),
        Column("MAJOR", "major", importance=9),
        Column("RETRYING", "none", importance=10),
    )
    row = {"id": "x" * 10, "minor": "m" * 10, "major": "M" * 10, "none": 0}
    assert table(screen(), [row], columns, 60).text.split()[:4] == ["ID", "MINOR", "MAJOR", "RETRYING"]
    narrow = table(screen(), [row], columns, 36)
    assert (narrow.text.split()[:3], narrow.hidden, narrow.note) == (["ID", "MINOR", "MAJOR"], (), "")
    narrower = table(screen(), [row], columns, 30)
    assert narrower.text.split()[:2] == ["ID", "MAJOR"]
    assert narrower.note == "no room for MINOR; use -o json to see all"
    assert table(screen(), [row], columns, 5).text.split() == ["ID", "x" * 10], "the first one stays, whole"


def test_names_are_whole_up_to_twenty_characters_and_texts_share_the_rest() -> None:
    columns, record = LISTS["job ls"]
    line = table(screen(), [record], columns, 100).text.splitlines()[1]
    assert TYPE in line
    assert line.endswith("…")


def test_advice_goes_under_its_row_where_there_is_no_room_beside_it_and_is_never_cut() -> None:
    columns, record = LISTS["doctor"][0], msgspec.structs.replace(LISTS["doctor"][1], since=None)
    head, *lines = table(screen(), [record], columns, 60).text.splitlines()
    assert head.split() == ["CHECK", "STATUS", "FOUND"]
    assert " ".join(" ".join(lines).split()).endswith(f"{record.found} {record.advice}")
    assert table(screen(), [record], columns, 200).text.splitlines()[0].split()[-1] == "ADVICE"


def test_text_is_wrapped_between_words_and_a_word_that_is_too_long_is_cut() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("x" * 9, 4) == ["xxxx", "xxxx", "x"]
    assert wrapped("", 4) == [""]
    assert wrapped("日本語", 4) == ["日本", "語"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_an_event_fits_the_terminal_and_keeps_its_id(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    event = Event(at=AT, event="cancelled", id=ID, label="order 4711", attempt=3, duration_s=0.1, **COMMON)
    line = EventLines(screen()).line(event)
    assert display_width(line) <= width
    assert ID in line
    assert TYPE in line


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_card_breaks_its_error_between_words(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = card(screen(), Job(id=ID, state="dead", label=TEXT, payload={}, finished_at=AT, **COMMON))
    assert max(map(display_width, text.splitlines())) <= width
    assert TEXT in " ".join(text.split())
