"""The live view of `jobctl up`, as it is drawn on a terminal of a given width."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobctl.cli.context import Context, Output
from jobctl.cli.view.live import LiveView
from jobctl.ops.up import Snapshot
from jobctl.settings import Settings
from jobctl.store.data.records import Event, PauseRow

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def event(**fields: str) -> Event:
    known = {"label": None, "attempt": 1, "error": None, "message": None, "duration_s": 0.1, "host": "h", "pid": 1}
    return Event(at=AT, id="1m80ydhdqw7j2stpsk40", type="pack-folder", queue="default", **known | fields)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_message_never_pushes_out_what_happened_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stderr = Terminal()
    view = LiveView(Context(Settings(Path("jobs.yaml"), color=False), Output.TABLE, stderr=stderr))
    long = event(event="dead", error="ExitCode", message="exit 2: " + "no such folder " * 40 + "\nsecond line")
    view.show(Snapshot(server="here", parts=(), queues=(), events=(long,)))
    view.close()
    [line, *_] = [line for line in stderr.getvalue().splitlines() if "1m80ydhdqw7j2stpsk40" in line]
    assert line.split()[1:5] == ["dead", "pack-folder", "1m80ydhdqw7j2stpsk40", "ExitCode:"]
    assert len(line.rstrip()) <= 80
    assert "second line" not in stderr.getvalue()


def test_the_view_says_what_is_paused_until_when_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stderr = Terminal()
    view = LiveView(Context(Settings(Path("jobs.yaml"), color=False), Output.TABLE, stderr=stderr))
    pause = PauseRow(
        queue=None, type="greet", paused=True, until=AT, reason="bad \x1b[2J deploy", by="ada@host",
        blocks_producers=True, changed=False,
    )  # fmt: skip
    view.show(Snapshot(server="here", parts=(), queues=(), events=(), pauses=(pause,)))
    view.close()
    assert "job type greet is paused until 11-22 " in stderr.getvalue()
    assert "deploy (by ada@host); new jobs are refused" in stderr.getvalue()
    assert "\x1b[2J" not in stderr.getvalue()
