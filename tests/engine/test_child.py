"""A worker process's entry, and how its supervisor judges it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from jobctl import clock
from jobctl.engine.process.config import CLEAN, ORPHANED, RECYCLE, STOPPED_NOW, ChildConfig
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.supervisor.child import Child, spawn
from jobctl.engine.supervisor.crew import Crew
from jobctl.engine.supervisor.health import STALL_S, Health
from tests.support import eventually

FAKE = (sys.executable, "-m", "tests.engine.fake_child")
Start = Callable[[str], Child]


def config(behaviour: str) -> ChildConfig:
    environment = {"behaviour": behaviour}
    return ChildConfig(name="c", catalog_path="", redis_url="redis://:secret@x", threads=2, environment=environment)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.chdir(Path(__file__).parents[2])
    started: list[Child] = []

    def run(behaviour: str) -> Child:
        started.append(child := spawn(config(behaviour), FAKE))
        eventually(lambda: child.slots.ready)
        return child

    yield run
    for child in started:
        child.signal(signal.SIGKILL)
        eventually(lambda child=child: child.poll() is not None)  # type: ignore[misc]
        child.close()


def code(child: Child) -> int:
    eventually(lambda: child.poll() is not None)
    found = child.poll()
    assert found is not None
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_it_ends_clean_when_asked(start: Start, number: int) -> None:
    child = start("work")
    child.signal(number)
    assert code(child) == CLEAN


def test_a_second_sigterm_ends_it_at_once(start: Start) -> None:
    child = start("hang")
    child.signal(signal.SIGUSR1)
    child.signal(signal.SIGTERM)
    eventually(lambda: (child.signal(signal.SIGTERM), child.poll() is not None)[1])  # type: ignore[func-returns-value]
    assert code(child) == STOPPED_NOW


def test_it_ends_whatever_wants_to_be_done_at_its_exit(start: Start) -> None:
    assert code(start("sleepy")) == RECYCLE


def test_ctrl_c_is_the_supervisors_business(start: Start) -> None:
    child = start("work")
    child.signal(signal.SIGINT)
    moved = child.slots.progress
    eventually(lambda: child.slots.progress > moved + 2)
    assert child.poll() is None


def test_it_ends_when_its_lifeline_is_cut(start: Start) -> None:
    child = start("hang")
    os.close(child._lifeline)
    child._lifeline = os.open(os.devnull, os.O_RDONLY)
    assert code(child) == ORPHANED


def test_it_ends_at_once_when_its_supervisor_is_already_gone() -> None:
    read_end, write_end = os.pipe()
    argv = [*FAKE, str(read_end), str(read_end), str(read_end), "999999999"]
    done = subprocess.run(argv, pass_fds=(read_end,), cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == ORPHANED
    os.close(read_end)
    os.close(write_end)


class Idle:
    """A process that only lives, and notes its signals."""

    pid = 0

    def __init__(self) -> None:
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return None

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.fixture
def crew() -> Crew:
    """One process whose table the test writes."""
    fd = SlotTable.create_file(2)
    process = cast("subprocess.Popen[bytes]", Idle())
    child = Child(config(""), process, SlotTable(fd, 2), os.open(os.devnull, os.O_RDONLY))
    os.close(fd)
    crew = Crew(1, lambda: child, lambda _child: None, lambda _delay, _callback: None)
    crew.fill()
    return crew


def test_a_main_loop_that_stands_still_without_a_job_is_not_healthy(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    health, start = Health(), clock.monotonic()
    assert health.healthy(crew)
    monkeypatch.setattr(clock, "monotonic", lambda: start + STALL_S + 1)
    assert not health.healthy(crew)
    crew.seated[0].slots.bump()
    assert health.healthy(crew)


def test_a_job_that_holds_the_interpreter_makes_a_worker_busy_not_ill(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    health, start = Health(), clock.monotonic()
    crew.seated[0].slots.begin(0, "1-1", "default", "long")
    monkeypatch.setattr(clock, "monotonic", lambda: start + STALL_S + 1)
    for _ in range(3):
        health.log_stalls(crew)
    assert health.healthy(crew)
    assert len(caplog.messages) == 1
    assert cast(Idle, crew.seated[0]._process).signals == []
