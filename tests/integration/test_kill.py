"""Real workers that are killed, stopped and cut off from Redis: what becomes of their jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from jobctl.store.nouns.pauses import Pause
from tests.project import NAMESPACE, Project, alive, gone, kill
from tests.support import PATIENCE_S, eventually

_SHORT = """\
import sys
from jobctl.ops.serve import WorkerOptions, run_worker
from jobctl.settings import resolve
sys.exit(run_worker(resolve(), WorkerOptions(processes=1, threads=4), lease_ms=5000))
"""
SHORT_LEASE = [sys.executable, "-c", _SHORT]


def held(project: Project) -> int:
    """Jobs reserved by workers, whether they run or were only fetched."""
    return len(project.store.processes.reservations("default"))


def test_kill_9_of_a_worker_process_loses_nothing_and_repeats_only_what_it_held(project: Project) -> None:
    worker = project.worker().ready()
    ids = project.naps(50)
    eventually(lambda: len(project.ledger()) >= 8)
    over = {job.payload["n"] for job in project.jobs(ids) if job.state == "completed"}
    victim = project.children(worker)[0]
    kill(victim)
    project.all_are("completed", ids)
    ran = project.ledger()
    twice = {n for n, times in ran.items() if times > 1}
    assert set(ran) == set(range(50))
    assert not twice & over
    assert {project.begun_by(n)[0] for n in twice} <= {victim}
    assert max(ran.values()) <= 2
    lost = [job for job in project.jobs(ids) if "lost" in [attempt.outcome for attempt in job.attempts]]
    assert twice <= {job.payload["n"] for job in lost}  # one may have been killed before it noted its number
    assert all([a.outcome for a in job.attempts] == ["lost", "completed"] for job in lost)
    assert all(job.attempts[0].error == "WorkerLost" for job in lost)


def test_kill_9_of_the_supervisor_takes_its_children_along_and_another_worker_recovers(project: Project) -> None:
    other = project.start(command=SHORT_LEASE)
    other.ready()
    project.client.enqueue_many("gate", [{"n": n} for n in range(4)])
    eventually(lambda: len(project.ledger()) == 4)
    victim = project.worker().ready()
    ids = project.client.enqueue_many("gate", [{"n": n} for n in range(10, 14)])
    eventually(lambda: len(project.ledger()) == 8)
    children = project.children(victim)
    assert len(children) == 2
    victim.signal(signal.SIGKILL)
    gone(children)
    project.write("open", "")
    project.all_are("completed", ids)
    assert all(job.attempts[0].outcome == "lost" for job in project.jobs(ids))


def test_sigterm_lets_short_jobs_finish_and_gives_back_the_rest(project: Project) -> None:
    worker = project.worker("--grace=2s").ready()
    ids = project.naps(30, s=0.4)
    stuck = project.client.enqueue_many("gate", [{"n": 100}])
    eventually(lambda: len(project.ledger()) >= 4)
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0, worker.path.read_text()
    assert held(project) == 0
    states = project.states(ids)
    assert set(states) == {"completed", "waiting"}
    assert all(times == 1 for times in project.ledger().values())
    assert project.states(stuck) == {"waiting": 1}


def test_what_still_runs_at_the_end_of_the_grace_is_given_back_without_a_lost_attempt(project: Project) -> None:
    worker = project.worker("--grace=3s").ready()
    ids = project.client.enqueue_many("gate", [{"n": n} for n in range(4)])
    eventually(lambda: len(project.ledger()) == 4)
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0, worker.path.read_text()
    assert project.states(ids) == {"waiting": 4}
    assert all(job.attempt_count == 0 for job in project.jobs(ids))


def test_a_second_sigterm_stops_now_and_its_jobs_are_recovered(project: Project) -> None:
    worker = project.worker().ready()
    ids = project.client.enqueue_many("gate", [{"n": n} for n in range(4)])
    eventually(lambda: len(project.ledger()) == 4)
    worker.signal(signal.SIGTERM)
    worker.said("draining")
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 1
    assert project.states(ids) == {"waiting": 4}
    assert all([a.outcome for a in job.attempts] == ["lost"] for job in project.jobs(ids))


def test_the_process_group_of_a_command_dies_with_a_killed_worker_process(project: Project) -> None:
    worker = project.start("worker", "--processes=1", "--threads=1").ready()
    project.client.enqueue("tree")
    pids = project.pids(2)
    assert all(alive(pid) for pid in pids)
    worker.signal(signal.SIGKILL)
    gone(pids)


def test_the_process_group_of_a_command_dies_when_its_job_is_cancelled(project: Project) -> None:
    project.start("worker", "--processes=1", "--threads=1").ready()
    job = project.client.enqueue("tree")
    pids = project.pids(2)
    project.store.jobs.cancel("default", [(job.id, b"", "")], running=True)
    gone(pids)
    assert project.client.wait(job.id, PATIENCE_S).state == "cancelled"


def test_the_process_group_of_a_command_dies_at_its_timeout(project: Project) -> None:
    project.start("worker", "--processes=1", "--threads=1").ready()

    def timed_out() -> bool:
        """Whether it had begun before its time was over: on a busy machine a shell is slow to start."""
        done = project.client.wait(project.client.enqueue("brief").id, PATIENCE_S)
        assert (done.state, done.attempts[0].outcome) == ("dead", "timeout")
        return (project.folder / "pids").exists()

    eventually(timed_out)
    gone(project.pids(1))


def test_python_jobs_end_at_their_timeout(project: Project) -> None:
    project.worker().ready()
    spin = project.client.enqueue("spin", {"n": 1})
    done = project.client.wait(spin.id, PATIENCE_S)
    assert (done.state, done.attempts[0].outcome, done.error) == ("dead", "timeout", "Timeout")
    after = project.naps(4, s=0)
    project.all_are("completed", after)


def test_namespace_is_the_catalogs(project: Project) -> None:
    project.worker().ready()
    project.all_are("completed", project.naps(1, s=0))
    keys = {key.decode().split(":")[0] for key in project.store.client.keys("*")}
    assert keys == {NAMESPACE}


def test_what_left_the_group_of_a_command_dies_with_a_killed_worker_process(project: Project) -> None:
    project.change("jobs.yaml", 'tree: {command: [sh, -c, "sleep 300 &', 'tree: {command: [sh, -c, "setsid sleep 300 &')
    worker = project.worker().ready()
    project.client.enqueue("tree")
    pids = project.pids(2)
    for child in project.children(worker):
        os.kill(child, signal.SIGKILL)
    gone(pids)


KILLED_IN_BETWEEN = """
import os, signal, subprocess, sys
from jobctl.handlers.guard import GUARD
GUARD.expect("JOBCTL_GROUP=in-between")
started = subprocess.Popen(["sleep", "600"], env={**os.environ, "JOBCTL_GROUP": "in-between"}, start_new_session=True)
print(started.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_command_whose_worker_is_killed_before_its_group_is_known_dies_with_it() -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED_IN_BETWEEN], capture_output=True, text=True, timeout=PATIENCE_S)
    gone([int(ran.stdout)])


def test_a_job_that_waits_to_run_alone_keeps_no_thread_idle_while_a_long_job_runs(project: Project) -> None:
    project.start("worker", "--processes=1", "--threads=2").ready()
    gate = project.client.enqueue("gate", {"n": 1})
    project.all_are("running", [gate.id])
    project.store.pauses.pause("default", Pause(0, "", "me"))
    suspect = project.client.enqueue("nap", {"n": 2, "s": 0})
    project.store.client.hset(project.store.keys.crashes("default"), suspect.id, 2)
    project.store.pauses.resume("default", ["default"])
    eventually(lambda: suspect.id in project.store.processes.reservations("default"))
    project.all_are("completed", project.naps(5, s=0))
    project.all_are("running", [gate.id])
    project.write("open", "")
    project.all_are("completed", [gate.id, suspect.id])
