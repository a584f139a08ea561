"""`jobctl worker`: what it refuses, how it ends, reloads and waits for Redis."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jobctl
from jobctl.engine.server.embedded import EmbeddedServer
from tests.project import Project, Started, gone, make
from tests.support import PATIENCE_S, Cli, eventually


@contextmanager
def made(folder: Path, server: EmbeddedServer) -> Iterator[Project]:
    yield from make(Cli(folder, {"JOBCTL_REDIS_URL": server.url}), server.url)


@pytest.fixture
def own_server(tmp_path: Path) -> EmbeddedServer:
    """A server that the test may stop and start, its data on disk."""
    return EmbeddedServer(tmp_path / "state")


def test_a_target_that_does_not_import_is_one_line_and_exit_code_2(project: Project) -> None:
    project.change("jobs.yaml", "work:fail", "work:fial")
    project.change("jobs.yaml", "work:spin", "wrok:spin")
    ran = project.cli("worker")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert len([line for line in lines if "does not import" in line]) == 2
    assert any("jobs.fail.python" in line and "did you mean `fail`?" in line for line in lines)
    assert "Traceback" not in ran.err


def test_a_module_that_ends_the_process_when_imported_is_a_problem_not_a_loop(project: Project) -> None:
    project.write("work.py", "import os; os._exit(3)")
    ran = project.cli("worker")
    assert ran.code == 2
    assert "exit code 3" in ran.err


def test_an_unknown_queue_is_refused_with_those_that_exist(project: Project) -> None:
    ran = project.cli("worker", "--queues", "nowhere")
    assert ran.code == 2
    assert "default" in ran.err


@pytest.mark.parametrize("option", ["--grace=soon", "--max-memory=lots", "--threads=0", "--log-format=xml"])
def test_a_bad_option_is_refused(project: Project, option: str) -> None:
    ran = project.cli("worker", option)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_with_nothing_running_and_nothing_configured_it_exits_3(cli: Cli) -> None:
    cli.cwd.joinpath("jobs.yaml").write_text("version: 1\njobs: {a: {command: [ls]}}\n")
    ran = cli("worker")
    assert (ran.code, ran.out) == (3, "")
    assert "jobctl up" in ran.err


def test_a_burst_without_redis_exits_3(project: Project) -> None:
    ran = project.cli("worker", "--burst", env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1"})
    assert ran.code == 3


def test_what_a_job_forks_ends_at_a_sigterm(project: Project) -> None:
    project.write("work.py", "import os, time\ndef fork():\n  return os.fork() or time.sleep(300)\n")
    project.write("jobs.yaml", "version: 1\nnamespace: test\njobs: {fork: {python: 'work:fork'}}\n")
    project.worker().ready()
    client = jobctl.connect(str(project.folder / "jobs.yaml"), project.url)
    ids = [client.enqueue("fork").id for _ in range(2)]
    project.all_are("completed", ids)
    forked = [job.result for job in project.jobs(ids)]
    for pid in forked:
        os.kill(pid, signal.SIGTERM)
    gone(forked)


def test_a_burst_ends_when_nothing_waits_or_runs_and_leaves_what_is_not_due(project: Project) -> None:
    ids = project.naps(12, s=0.05)
    later = project.client.enqueue("nap", {"n": 50}, delay="1h")
    ran = project.cli("worker", "--burst", "--processes=2", "--threads=2")
    assert ran.code == 0
    assert project.states(ids) == {"completed": 12}
    assert project.client.job(later.id).state == "delayed"


def test_max_jobs_replaces_processes_and_loses_nothing(project: Project) -> None:
    worker = project.start("worker", "--processes=1", "--threads=2", "--max-jobs=5").ready()
    ids = project.naps(20, s=0.02)
    project.all_are("completed", ids)
    assert max(project.ledger().values()) == 1
    assert len({line.split()[1] for line in (project.folder / "ledger").read_text().splitlines()}) >= 3
    assert not worker.messages("died")


def test_a_process_above_its_memory_is_replaced(project: Project) -> None:
    worker = project.start("worker", "--processes=1", "--threads=1", "--max-memory=1MB")
    worker.said("MB of memory, the limit is 1 MB")


def test_only_the_queues_asked_for_are_served(project: Project) -> None:
    project.change("jobs.yaml", 'fail: {python: "work:fail"', 'fail: {queue: other, python: "work:fail"')
    dead = project.client.enqueue("fail")
    ran = project.cli("worker", "--burst", "--queues=other", "--processes=1")
    assert ran.code == 0
    assert project.client.job(dead.id).state == "waiting"  # enqueued to `default` before the change
    assert "fail" not in {line.get("type") for line in Started.parse(ran.err)}


def test_only_an_attempt_that_takes_long_is_logged_when_it_starts_too(project: Project) -> None:
    short, long = project.naps(1, 0.0) + project.naps(1, 2.5)
    worker = project.worker().ready()
    project.all_are("completed", [short, long])
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    events = [(line["id"], line["event"]) for line in worker.lines if line.get("id") in (short, long)]
    assert events == [
        (short, "attempt_finished"),
        (long, "attempt_started"),
        (long, "attempt_finished"),
    ]


def test_sighup_takes_the_new_catalog_and_its_code(project: Project) -> None:
    worker = project.worker().ready()
    project.change("work.py", 'raise ValueError("no good")', 'return "mended"')
    worker.signal(signal.SIGHUP)
    worker.said("reloaded")
    done = project.client.wait(project.client.enqueue("fail").id, PATIENCE_S)
    assert (done.state, done.result) == ("completed", "mended")


def test_a_sighup_while_it_starts_is_kept_until_it_can_reload(project: Project) -> None:
    (project.folder / "work.py").write_text(
        (project.folder / "work.py").read_text()
        + "Path('importing').touch()\nwhile not Path('go').exists(): time.sleep(0.01)\n"
    )
    worker = project.worker()
    eventually((project.folder / "importing").exists)
    worker.signal(signal.SIGHUP)
    (project.folder / "go").touch()
    worker.ready()
    worker.said("reloaded")


def test_sighup_with_a_broken_catalog_changes_nothing_even_for_a_process_that_is_replaced(project: Project) -> None:
    worker = project.worker("--max-jobs=3").ready()
    project.write("jobs.yaml", "version: 1\njobs: {nap: {pyton: x}}\n")
    worker.signal(signal.SIGHUP)
    worker.said("reload failed")
    project.all_are("completed", project.naps(12, s=0.02))


def test_sighup_with_code_that_does_not_import_keeps_the_old_processes(project: Project) -> None:
    worker = project.worker().ready()
    project.write("work.py", "import nothing_of_that_name")
    worker.signal(signal.SIGHUP)
    worker.said("jobs.nap.python: `work:nap` does not import: ModuleNotFoundError")
    project.all_are("completed", project.naps(4, s=0.02))
    assert worker.messages("reload failed")
    assert not worker.messages("reloading")


def test_it_tells_systemd_when_it_is_ready_and_when_it_stops(project: Project) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("")
        channel.settimeout(PATIENCE_S)
        worker = project.start("worker", "--processes=1", NOTIFY_SOCKET="@" + channel.getsockname()[1:].decode())
        said = ""
        while "READY=1" not in said:
            said += channel.recv(4096).decode()
        worker.signal(signal.SIGTERM)
        while "STOPPING=1" not in said:
            said += channel.recv(4096).decode()
    assert worker.ended() == 0


def test_enqueue_just_works_inside_a_command_job(project: Project) -> None:
    project.worker().ready()
    job = project.client.enqueue("child")
    done = project.client.wait(job.id, PATIENCE_S)
    assert done.state == "completed", done.message
    eventually(lambda: project.ledger()[99] == 1)


def test_it_waits_for_redis_and_goes_on_after_a_restart(tmp_path: Path, own_server: EmbeddedServer) -> None:
    with made(tmp_path, own_server) as project:
        worker = project.worker()
        worker.said("waiting for Redis")
        with own_server:
            worker.ready()
            project.all_are("completed", project.naps(4, s=0.02))
        worker.said("cannot be reached", times=2)
        with own_server:
            more = project.naps(8, s=0.02)
            project.all_are("completed", more)
            assert project.children(worker)
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0


@pytest.mark.parametrize(("fails", "state"), [(False, "completed"), (True, "dead")])
def test_a_job_that_ends_while_redis_is_down_is_neither_lost_nor_run_again(
    tmp_path: Path, own_server: EmbeddedServer, fails: bool, state: str
) -> None:
    with made(tmp_path, own_server) as project:
        project.change("jobs.yaml", 'python: "work:gate"', 'python: "work:gate", retries: {max: 0}')
        with own_server:
            worker = project.worker().ready()
            ids = project.client.enqueue_many("gate", [{"n": 1}, {"n": 2}])
            eventually(lambda: len(project.ledger()) == 2)
        if fails:
            project.write("fail", "")
        project.write("open", "")
        worker.said("cannot write")
        with own_server:
            project.all_are(state, ids)
        assert project.ledger() == {1: 1, 2: 1}


def test_jobs_held_at_sigterm_while_redis_is_down_come_back(tmp_path: Path, own_server: EmbeddedServer) -> None:
    with made(tmp_path, own_server) as project:
        with own_server:
            command = project.cli.command("worker", "--processes=2", "--threads=2", "--grace=1s")
            worker = project.start(command=command).ready()  # which has little patience
            project.client.enqueue_many("gate", [{"n": 1}, {"n": 2}])
            eventually(lambda: len(project.ledger()) == 2)
        worker.signal(signal.SIGTERM)
        worker.ended()
        with own_server:
            assert len(project.store.processes.reservations("default")) == 2  # until the sweep of another worker


def test_a_running_worker_is_told_from_afar_what_to_do(project: Project) -> None:
    """Quiet, resized while a job runs, taking jobs again, and stopped: no job is lost, and each command waits."""
    worker = project.start("worker", "--processes=1", "--threads=1").ready()
    (name,) = project.cli("ps", "-o", "name").lines()
    assert project.cli("worker", "quiet", name.rpartition(":")[0], "--reason", "deploy").code == 0
    assert [row["state"] for row in project.cli("ps", "-o", "json").json()] == ["quiet"]
    (row,) = project.cli("audit", "-o", "json").json()
    assert (row["action"], row["target"], row["reason"]) == ("worker quiet", name, "deploy")
    (job,) = project.cli("enqueue", "nap", "n:=1").lines()
    assert project.cli("worker", "resize", name, "--threads", "3", "--async-jobs", "40").code == 0
    (row,) = project.cli("ps", "-o", "json").json()
    assert (row["threads"], row["async_jobs"], row["state"]) == (3, 40, "quiet")
    assert project.cli("job", "show", job, "-o", "json").json()["state"] == "waiting"
    assert project.cli("worker", "resume", name).code == 0
    assert project.cli("job", "wait", job, "--timeout", "30s").code == 0
    assert project.cli("worker", "stop", name).code == 0
    assert worker.process.wait(PATIENCE_S) == 0
    ran = project.cli("worker", "stop", name)
    assert (ran.code, "no worker" in ran.err) == (4, True)


@pytest.mark.parametrize("age", ["0s", "x", ""])
def test_an_age_that_no_process_can_have_is_refused(redis_cli: Cli, age: str) -> None:
    ran = redis_cli("worker", "run", "--burst", "--max-age", age)
    assert (ran.code, ran.err.count("\n"), "--max-age" in ran.err) == (2, 1, True)


def test_an_order_for_a_beginning_that_several_workers_have_is_refused(project: Project) -> None:
    for _ in range(2):
        project.start("worker", "--processes=1", "--threads=1").ready()
    names = project.cli("ps", "-o", "name").lines()
    host = names[0].partition(":")[0]
    ran = project.cli("worker", "quiet", host)
    assert ran.code == 2
    assert all(name in ran.err for name in names)
    assert {row["state"] for row in project.cli("ps", "-o", "json").json()} == {"running"}


def test_the_options_of_a_worker_need_no_verb_and_stand_in_its_help(project: Project) -> None:
    ran = project.cli("worker", "--help")
    assert ran.code == 0
    assert all(text in ran.out for text in ("quiet", "resize", "--threads", "--max-age"))
    assert project.cli("worker", "qiet", "x").code == 2
