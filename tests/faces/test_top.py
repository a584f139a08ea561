"""`jobctl top`: what it shows, what its keys do, and what it refuses."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pytest

from jobctl import clock
from jobctl.cli.view.screen import Times
from jobctl.engine.server.embedded import EmbeddedServer
from jobctl.faces import sampler as sampling
from jobctl.store import Store
from jobctl.store.data.records import Event
from jobctl.store.wire.connection import connect
from tests.commands import made
from tests.faces.screens import Shown, run_top, steady
from tests.support import PATIENCE_S, Cli, eventually

SNAPSHOTS = Path(__file__).parent / "screens"
UPDATE = False
"""True writes the snapshots anew: look at the difference before you keep it."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look reads."""
    monkeypatch.setattr(sampling, "PACE_S", 0.0)
    monkeypatch.setattr(sampling, "SLOW_S", 0.0)
    monkeypatch.setattr("jobctl.cli.top.app.PACE_S", 0.05)
    monkeypatch.setattr("jobctl.cli.top.job.PACE_S", 0.05)


@pytest.fixture
def catalog(lab: Cli) -> Path:
    return lab.cwd / "jobs.yaml"


def same(name: str, text: str) -> None:
    """The screen is that of the snapshot."""
    path = SNAPSHOTS / f"{name}.txt"
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text()


def shop(store: Store) -> None:
    made.dead(store, 3, job_type="greet", error="KeyError", message="no such name")
    made.waiting(store, 12, job_type="greet", payload={"name": "a"})
    made_at = clock.now_ms()
    eventually(lambda: clock.now_ms() > made_at + 1)  # what is newer comes first
    made.waiting(store, 2, queue="email", job_type="mail")


@pytest.mark.parametrize(("key", "word"), [("1", "email"), ("3", "KeyError"), ("5", "no schedules"), ("2", "waiting")])
def test_screens_at_80_by_24(key: str, word: str, catalog: Path, redis_url: str, store: Store) -> None:
    shop(store)

    async def act(shown: Shown) -> None:
        await shown.press(key)
        await shown.shows(word, "14 waiting")
        await shown.until(lambda: "reading" not in shown.text)
        assert all(len(line) <= 80 for line in shown.lines)
        assert len(shown.lines) == 24
        same(f"view-{key}", steady(shown.text))

    run_top(catalog, redis_url, act, times=Times.ISO)


def test_what_happens_is_seen(catalog: Path, redis_url: str, store: Store) -> None:
    async def act(shown: Shown) -> None:
        await shown.shows("default")
        [job_id, _] = made.dead(store, 2, job_type="greet")
        await shown.shows("2 dead")
        store.events.add(
            Event(at=clock.to_datetime(clock.now_ms()), event="dead", id=job_id, type="greet", queue="default")
        )
        await shown.shows("✗ dead")
        await shown.press("7")
        await shown.shows("> ")
        await shown.press("enter")
        await shown.shows("attempts (1", "ValueError: boom")

    run_top(catalog, redis_url, act)


def test_from_a_queue_to_its_jobs_to_one_job_and_back(catalog: Path, redis_url: str, store: Store) -> None:
    made.dead(store, 1, queue="email", job_type="mail", message="mailbox is full")
    made.waiting(store, 1, job_type="greet")

    async def act(shown: Shown) -> None:
        await shown.shows("email")
        await shown.press("down", "enter")
        await shown.shows("queue:email", "ValueError: mailbox")
        assert "greet" not in shown.lines[4]
        await shown.press("enter")
        await shown.shows("attempts (1", "ValueError: mailbox is full")
        await shown.press("escape", "escape")
        await shown.shows("BACKLOG")

    run_top(catalog, redis_url, act)


def test_a_filter_that_cannot_be_read_is_shown_with_a_caret(catalog: Path, redis_url: str, store: Store) -> None:
    shop(store)

    async def act(shown: Shown) -> None:
        await shown.press("2", "slash")
        await shown.type("queue:email (state:dead")
        await shown.press("enter")
        await shown.shows("the parenthesis is not closed, at column 13 of the filter")
        assert any(line.strip() == "^" for line in shown.lines)
        await shown.press("ctrl+u")
        await shown.type("queue:email")
        await shown.press("enter")
        await shown.until(lambda: "mail" in shown.text and "greet" not in shown.text.split("\n\n")[0])
        await shown.press("3", "slash", "ctrl+u")
        await shown.type("args.x=1")
        await shown.press("enter")
        await shown.shows("groups can be filtered by error: group: job: queue: only")

    run_top(catalog, redis_url, act)


def test_one_job_is_cancelled_without_a_question_and_what_is_refused_is_said(
    catalog: Path, redis_url: str, store: Store
) -> None:
    [job_id] = made.waiting(store, 1, job_type="greet")

    async def act(shown: Shown) -> None:
        await shown.press("2")
        await shown.shows(job_id)
        await shown.press("c")
        await shown.shows(f"job {job_id} is cancelled")
        await shown.press("c")
        await shown.shows(f"job {job_id} is cancelled already")

    run_top(catalog, redis_url, act)
    assert made.states(store, [job_id]) == ["cancelled"]


def test_a_group_is_retried_after_a_yes_only(catalog: Path, redis_url: str, store: Store) -> None:
    ids = made.dead(store, 3, job_type="greet")

    async def act(shown: Shown) -> None:
        await shown.press("3")
        await shown.shows("ValueError: boom")
        await shown.press("r")
        await shown.shows("Retry 3 dead letters? [y/N]")
        await shown.press("n", "enter")
        await shown.shows("nothing was changed")
        assert made.states(store, ids) == ["dead"] * 3
        await shown.press("r")
        await shown.shows("[y/N]")
        await shown.press("y", "enter")
        await shown.shows("retried 3 dead letters")

    run_top(catalog, redis_url, act)
    assert made.states(store, ids) == ["waiting"] * 3


def test_in_production_the_name_of_the_profile_is_asked_for(catalog: Path, redis_url: str, store: Store) -> None:
    ids = made.waiting(store, 2, job_type="greet")

    async def act(shown: Shown) -> None:
        await shown.press("2", "slash")
        await shown.type("job:greet")
        await shown.press("enter")
        await shown.shows(*ids)
        await shown.press("C")
        await shown.shows("Cancel 2 jobs: type live to continue")
        await shown.type("yes")
        await shown.press("enter")
        await shown.shows("nothing was changed")

    run_top(catalog, redis_url, act, profile="live", production=True)
    assert made.states(store, ids) == ["waiting"] * 2


def test_a_read_only_profile_changes_nothing(catalog: Path, redis_url: str, store: Store) -> None:
    shop(store)

    async def act(shown: Shown) -> None:
        await shown.shows("email")
        await shown.press("p")
        await shown.shows("profile look is read-only: you cannot pause queues")

    run_top(catalog, redis_url, act, profile="look", read_only=True)
    assert not store.pauses.now()


def test_a_queue_is_paused_and_resumed(catalog: Path, redis_url: str, store: Store) -> None:
    shop(store)

    async def act(shown: Shown) -> None:
        await shown.shows("email")
        await shown.press("down", "p")
        await shown.shows("paused email until it is resumed")
        await shown.until(lambda: any(line.startswith("> email") and "yes" in line for line in shown.lines))
        assert set(store.pauses.now()) == {"email"}
        await shown.press("p")
        await shown.shows("resumed email")

    run_top(catalog, redis_url, act)
    assert not store.pauses.now()


def test_what_jobs_say_does_not_reach_the_terminal(catalog: Path, redis_url: str, store: Store) -> None:
    made.dead(
        store, 1, job_type="greet", error="Evil", message="\x1b]0;owned\x07 \x1b[2J [red]x[/red]", label="\x1b[31m"
    )

    async def act(shown: Shown) -> None:
        await shown.press("3")
        await shown.shows("Evil")
        assert "\x1b" not in shown.text
        await shown.press("enter", "enter")
        await shown.shows("attempts (1")
        assert "\x1b" not in shown.text
        assert "\\x1b" in shown.text

    run_top(catalog, redis_url, act)


def test_redis_away_is_said_until_it_is_back(catalog: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    server = EmbeddedServer(state)
    server.__enter__()
    url = server.url
    made.waiting(Store(connect(url), "lab"), 3, job_type="greet")

    async def act(shown: Shown) -> None:
        nonlocal server
        await shown.shows("3 waiting")
        server.__exit__(None, None, None)
        await shown.shows("what is shown is of")
        assert "default" in shown.text
        server = EmbeddedServer(state)
        server.__enter__()
        await shown.shows("3 waiting")

    try:
        run_top(catalog, url, act)
    finally:
        server.__exit__(None, None, None)


@contextmanager
def terminal(lab: Cli, **env: str) -> Iterator[tuple[int, int]]:
    """The real command in a terminal of 80 by 24: (its pid, the terminal)."""
    pid, end = pty.fork()
    if pid == 0:
        os.chdir(lab.cwd)
        os.execve(sys.executable, lab.command("top"), {**lab.env, "TERM": "xterm-256color", **env})
    ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    try:
        yield pid, end
    finally:
        os.close(end)


def read_until(end: int, word: bytes) -> bytes:
    seen = b""

    def more() -> bool:
        nonlocal seen
        if select.select([end], [], [], 0.1)[0]:
            seen += os.read(end, 65536)
        return word in seen

    eventually(more, PATIENCE_S, f"{word!r} on the terminal")
    return seen


def test_without_colours_nothing_is_coloured(lab: Cli, store: Store) -> None:
    shop(store)
    with terminal(lab, NO_COLOR="1") as (pid, end):
        seen = read_until(end, b"email")
        os.write(end, b"q")
        assert os.waitpid(pid, 0)[1] == 0
    codes = {int(code) for style in re.findall(rb"\x1b\[([0-9;]*)m", seen) for code in style.split(b";") if code}
    assert not codes.intersection([*range(30, 39), *range(40, 49)])
    assert b"\x1b[?1000h" not in seen  # no mouse


def test_top_needs_a_terminal(lab: Cli) -> None:
    ran = lab("top")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "needs a terminal" in ran.err
    assert lab("top", "-o", "json").code == 2
