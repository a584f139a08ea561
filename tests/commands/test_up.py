"""`jobctl up`: one tree of processes, found by other commands, and never left behind."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobctl.engine.server.embedded import find_running
from tests.project import Project, Started, alive, descendants, gone
from tests.support import PATIENCE_S, Cli, eventually

UP = ("up", "--processes=2", "--threads=2")


@pytest.fixture
def alone(cli: Cli, tmp_path: Path) -> Iterator[Project]:
    """A project with no Redis configured."""
    project = Project(cli, "redis://nowhere")
    yield project
    project.close()


def started(project: Project, *args: str) -> Started:
    up = project.start(*UP, *args)
    eventually(lambda: "jobctl up: ready" in up.path.read_text() or up.process.poll() is not None)
    assert up.process.poll() is None, up.path.read_text()
    return up


def test_other_commands_find_what_up_started_and_a_second_up_is_told_who_has_it(alone: Project) -> None:
    up = started(alone)
    ran = alone.cli("enqueue", "nap", "n:=1", "--wait", "--timeout", "60s")
    assert ran.code == 0, ran.err
    assert alone.cli("profile", "show", "-o", "json").json()["redis_url"].startswith("unix://")
    second = alone.cli(*UP)
    assert second.code == 5
    assert f"process {up.process.pid}" in second.err
    assert alone.cli("enqueue", "nap", "n:=2").code == 0


def test_a_catalog_that_changes_is_loaded_again(alone: Project) -> None:
    up = started(alone)
    alone.write(
        "jobs.yaml",
        (alone.folder / "jobs.yaml").read_text() + "schedules: {soon: {job: nap, every: 1s, payload: {n: 5, s: 0}}}\n",
    )
    up.said("schedule soon added")
    eventually(lambda: alone.ledger()[5] >= 1)
    alone.write("jobs.yaml", "version: 1\nbroken")
    up.said("reload failed")
    before = alone.ledger()[5]
    eventually(lambda: alone.ledger()[5] > before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_all_in_order_and_running_jobs_finish(alone: Project, number: int) -> None:
    up = started(alone)
    below = descendants(up.process.pid)
    assert len(below) >= 5  # server, scheduler, supervisor, two worker processes
    ran = alone.cli("enqueue", "nap", "n:=1", "s:=1.5")
    eventually(lambda: alone.ledger()[1] == 1)
    up.signal(number)
    assert up.ended() == 0
    gone(below)
    told = up.path.read_text()
    assert told.index("stopping the scheduler") < told.index("stopping the worker")
    assert f'"id":"{ran.out.strip()}"' in told.split("stopping the worker")[0] + told
    assert find_running(alone.folder / ".jobctl") is None
    assert '"outcome":"completed"' in told


def test_nothing_is_left_when_it_is_killed_and_it_starts_again(alone: Project) -> None:
    up = started(alone)
    alone.cli("enqueue", "tree")
    pids = alone.pids(2)
    below = descendants(up.process.pid)
    up.signal(signal.SIGKILL)
    gone([*below, *pids])
    alone.change("jobs.yaml", "sleep 300 &", "true &")  # or stopping would wait for the job, which runs again
    again = started(alone)
    again.signal(signal.SIGTERM)
    assert again.ended() == 0


def test_a_part_that_ends_by_itself_ends_the_whole(alone: Project) -> None:
    up = started(alone)
    below = descendants(up.process.pid)
    supervisor = next(pid for pid in below if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(supervisor, signal.SIGKILL)
    assert up.ended() == 1
    assert "the worker was killed by SIGKILL" in up.path.read_text()
    gone(below)


def test_with_a_configured_redis_it_starts_no_server(project: Project) -> None:
    up = started(project, "--no-scheduler")
    assert not any(b"valkey" in Path(f"/proc/{p}/cmdline").read_bytes() for p in descendants(up.process.pid))
    project.all_are("completed", project.naps(2, s=0))
    up.signal(signal.SIGTERM)
    assert up.ended() == 0


def test_a_broken_catalog_starts_nothing(alone: Project) -> None:
    alone.write("jobs.yaml", "version: 1\njobs: {a: {comand: [ls]}}\n")
    ran = alone.cli("up")
    assert ran.code == 2
    assert not (alone.folder / ".jobctl").exists()


def test_sighup_reloads_the_workers(alone: Project) -> None:
    up = started(alone)
    alone.change("work.py", 'raise ValueError("no good")', "return 1")
    up.signal(signal.SIGHUP)
    up.said("reloaded")
    assert alone.cli("enqueue", "fail", "--wait", "--timeout", "60s").code == 0


def test_on_a_terminal_it_draws_a_view_and_logs_go_to_files(alone: Project) -> None:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []
    process = subprocess.Popen(
        alone.cli.command(*UP), cwd=alone.folder, env=alone.cli.env | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    threading.Thread(target=_collect, args=(ours, seen), daemon=True).start()

    def screen() -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(seen).decode(errors="replace"))

    try:
        eventually(lambda: "2 of 2 processes ready" in screen())
        assert "QUEUE" in screen()
        assert '"event"' not in screen()
        assert alone.cli("enqueue", "fail").code == 0
        eventually(lambda: "ValueError: no good" in screen())
        assert (alone.folder / ".jobctl" / "logs" / "worker.log").stat().st_size > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert not alive(process.pid)


def test_it_stops_when_its_terminal_is_closed(alone: Project) -> None:
    pid, ours = pty.fork()
    if pid == 0:
        os.chdir(alone.folder)
        os.execvpe(alone.cli.command()[0], alone.cli.command(*UP), alone.cli.env | {"TERM": "xterm"})
    seen: list[bytes] = []
    reader = threading.Thread(target=_until_ready, args=(ours, seen), daemon=True)
    reader.start()
    reader.join(PATIENCE_S)
    assert b"2 of 2 processes ready" in b"".join(seen)
    below = descendants(pid)
    os.close(ours)  # the kernel sends SIGHUP, as when a window is closed
    try:
        eventually(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, what="the end of up")
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise
    gone(below)


def _until_ready(fd: int, into: list[bytes]) -> None:
    while b"2 of 2 processes ready" not in b"".join(into):
        into.append(os.read(fd, 65_536))


def _collect(fd: int, into: list[bytes]) -> None:
    while True:
        try:
            into.append(os.read(fd, 65536))
        except OSError:
            return
