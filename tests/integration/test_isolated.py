"""Isolated jobs in real workers: what becomes of them, of their processes and of their neighbours."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

import jobctl
from jobctl.store.data.records import Job
from tests.project import Project, Started, alive, gone, kill
from tests.support import PATIENCE_S, eventually

CATALOG = """\
version: 1
namespace: test
defaults: {retries: {max: 1, delay: 50ms, jitter: false}, timeout: 2m}
jobs:
  nap: {python: "work:nap", payload: {required: [n]}}
  hold: {python: "own:hold", isolate: true}
  brief: {python: "own:hold", isolate: true, timeout: 500ms, retries: {max: 0}}
  rude: {python: "own:rude", isolate: true}
  grow: {python: "own:grow", isolate: true, memory: 64MB, retries: {never_on: [MemoryError]}}
  family: {python: "own:family", isolate: true}
  talk: {python: "own:talk", isolate: true, label: "for {{ name }}"}
  wait: {python: "own:wait", isolate: true}
  fail: {python: "own:fail", isolate: true, retries: {max: 0}}
  plain: {python: "own:fail", retries: {max: 0}}
"""
TASKS = """\
import ctypes, os, subprocess, time
from pathlib import Path
import jobctl

def note(pid):
    with open("pids", "a") as file:
        file.write(f"{pid}\\n")

def hold():
    note(os.getpid())
    ctypes.PyDLL(None).sleep(90)

def rude():
    os._exit(3)

def grow():
    return len(bytearray(500_000_000))

def family():
    child = subprocess.Popen(["sleep", "300"])
    note(child.pid)
    note(os.getpid())
    while not Path("open").exists():
        time.sleep(0.01)
    child.kill()

def talk(name):
    print("hello", name)
    job = jobctl.current()
    job.log(f"attempt {job.attempt} {job.label}")
    return job.enqueue("nap", {"n": 7, "s": 0})

async def wait():
    import asyncio
    note(os.getpid())
    await asyncio.sleep(90)

def fail():
    raise ConnectionError("no good")
"""


def below(pid: int) -> list[int]:
    """All processes below one, whichever of its threads has started them."""
    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


@pytest.fixture
def own(project: Project) -> Project:
    project.write("jobs.yaml", CATALOG)
    project.write("own.py", TASKS)
    project.client = jobctl.connect(project.folder / "jobs.yaml", project.url)
    return project


@pytest.fixture
def worker(own: Project) -> Started:
    """One process with two threads."""
    return own.start("worker", "--processes=1", "--threads=2").ready()


def stuck(project: Project, pids: int) -> Job:
    """A job that hung in C until its time limit and whose process is the `pids`th that was noted."""

    def one() -> Job | None:
        job = project.client.wait(project.client.enqueue("brief").id, PATIENCE_S)
        return job if len((project.folder / "pids").read_text().split()) >= pids else None

    (project.folder / "pids").touch()
    return eventually(one)


def test_a_call_into_c_is_killed_at_its_time_limit_and_the_worker_and_its_neighbours_go_on(
    own: Project, worker: Started
) -> None:
    processes = own.children(worker)
    ids = own.naps(12, s=0.3)
    dead = stuck(own, 1)
    assert (dead.state, dead.error, dead.message) == ("dead", "Timeout", "ran longer than 0.5 s")
    assert [attempt.outcome for attempt in dead.attempts] == ["timeout"]
    own.all_are("completed", ids)
    assert max(own.ledger().values()) == 1
    assert own.children(worker) == processes
    gone(own.pids(1))
    again = stuck(own, 2)
    assert again.error == "Timeout"
    assert len(set(own.pids(2))) == 2


@pytest.mark.parametrize("job", ["hold", "wait", "family"])
def test_a_cancel_ends_it_and_all_that_it_has_started(own: Project, worker: Started, job: str) -> None:
    running = own.client.enqueue(job)
    pids = own.pids(2 if job == "family" else 1)
    ran = own.cli("job", "cancel", running.id)
    assert ran.code == 0, ran.err
    found = own.client.job(running.id)
    assert (found.state, [attempt.outcome for attempt in found.attempts]) == ("cancelled", ["cancelled"])
    gone(pids)


def test_a_process_that_dies_fails_its_attempt_by_the_retry_policy(own: Project, worker: Started) -> None:
    processes = own.children(worker)
    dead = own.client.wait(own.client.enqueue("rude").id, PATIENCE_S)
    assert (dead.state, dead.error) == ("dead", "ProcessDied")
    assert [(attempt.outcome, attempt.error) for attempt in dead.attempts] == [("failed", "ProcessDied")] * 2
    assert "exit 3" in (dead.message or "")
    assert own.children(worker) == processes


def test_memory_beyond_the_limit_fails_with_that_reason(own: Project, worker: Started) -> None:
    dead = own.client.wait(own.client.enqueue("grow").id, PATIENCE_S)
    assert (dead.error, len(dead.attempts)) == ("MemoryError", 1)
    assert "in grow" in (dead.attempts[0].traceback or "")


def test_its_failure_is_recorded_as_without_isolation(own: Project, worker: Started) -> None:
    isolated, plain = (own.client.wait(own.client.enqueue(job).id, PATIENCE_S) for job in ("fail", "plain"))
    assert (isolated.error, isolated.message) == ("ConnectionError", "no good")
    assert isolated.attempts[0].traceback == plain.attempts[0].traceback


def test_the_current_job_and_prints_work_inside(own: Project, worker: Started) -> None:
    done = own.client.wait(own.client.enqueue("talk", {"name": "Ada"}).id, PATIENCE_S)
    assert done.state == "completed", done.message
    child = own.client.wait(str(done.result), PATIENCE_S)
    assert (child.state, child.parent) == ("completed", done.id)
    assert "attempt 1 for Ada" in own.cli("job", "logs", done.id).out
    eventually(lambda: "hello Ada" in worker.path.read_text())


def test_the_same_process_serves_again(own: Project, worker: Started) -> None:
    for _ in range(3):
        own.client.wait(own.client.enqueue("fail").id, PATIENCE_S)
    before = sorted(below(worker.process.pid))
    own.client.wait(own.client.enqueue("fail").id, PATIENCE_S)
    assert sorted(below(worker.process.pid)) == before


def test_kill_9_of_the_worker_process_leaves_nothing_of_its_jobs(own: Project, worker: Started) -> None:
    running = own.client.enqueue("family")
    pids = own.pids(2)
    family = below(own.children(worker)[0])
    assert set(pids) <= set(family)
    kill(own.children(worker)[0])
    gone(pids)
    gone(family)
    own.write("open", "")
    done = own.client.wait(running.id, PATIENCE_S)
    assert [attempt.outcome for attempt in done.attempts] == ["lost", "completed"]


def test_a_worker_that_drains_gives_back_what_runs_and_ends_its_processes(own: Project) -> None:
    worker = own.start("worker", "--processes=1", "--threads=2", "--grace=2s").ready()
    running = own.client.enqueue("hold")
    [pid] = own.pids(1)
    family = below(worker.process.pid)
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0, worker.path.read_text()
    gone([pid, *family])
    found = own.client.job(running.id)
    assert (found.state, found.attempt_count) == ("waiting", 0)


def test_a_target_that_does_not_import_keeps_the_worker_from_starting(own: Project) -> None:
    own.change("jobs.yaml", "own:rude", "own:rood")
    ran = own.cli("worker")
    assert ran.code == 2
    assert "jobs.rude.python" in ran.err


def test_run_honours_isolation(own: Project, tmp_path: Path) -> None:
    ran = own.cli("run", "rude", "-o", "json")
    assert (ran.code, ran.json()["error"]) == (1, "ProcessDied")
    while not (tmp_path / "pids").exists():  # where it takes longer to start than it may run
        timed_out = own.cli("run", "brief", "-o", "json")
        assert (timed_out.json()["outcome"], timed_out.json()["error"]) == ("timeout", "Timeout")
    assert not alive(own.pids(1)[0])
    talked = own.cli("run", "talk", "name=Ada")
    assert talked.code == 0, talked.err
    assert own.client.job(talked.json()).type == "nap"
    assert "hello Ada" in talked.err
    own.write("own.py", "import nothing_of_that_name")
    ran = own.cli("run", "talk", "name=Ada")
    assert ran.code == 2
    assert "cannot import own" in ran.err
    assert "Traceback" not in ran.err


def test_ctrl_c_ends_an_isolated_run(own: Project) -> None:
    process = own.cli.start("run", "wait")
    try:
        pids = own.pids(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        gone(pids)
    finally:
        process.kill()
        process.communicate()
