"""A project folder for tests: a catalog, its tasks, real workers and schedulers over it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jobctl
from jobctl.client import Client
from jobctl.store.data.records import Job
from jobctl.store.store import Store
from jobctl.store.wire.connection import connect
from tests.support import PATIENCE_S, Cli, eventually

NAMESPACE = "test"

CATALOG = """\
version: 1
namespace: test
defaults: {retries: {max: 2, delay: 50ms, jitter: false}, timeout: 2m}
jobs:
  nap:
    python: work:nap
    payload: {properties: {n: {type: integer}, s: {type: number}}, required: [n]}
    label: "n {{ n }}"
  fail: {python: "work:fail", retries: {max: 0}}
  slow: {python: "work:nap", timeout: 300ms, retries: {max: 0}, payload: {required: [n]}}
  spin: {python: "work:spin", timeout: 300ms, retries: {max: 0}, payload: {required: [n]}}
  gate: {python: "work:gate", payload: {required: [n]}}
  tree: {command: [sh, -c, "sleep 300 & echo $! >> pids; echo $$ >> pids; wait"], timeout: 2m}
  brief: {command: [sh, -c, "sleep 300 & echo $! >> pids; echo $$ >> pids; wait"], timeout: 1s, retries: {max: 0}}
  child: {command: [PYTHON, -m, jobctl, enqueue, nap, "n:=99"]}
"""
CATALOG = CATALOG.replace("PYTHON", sys.executable)

TASKS = """\
import os, time
from pathlib import Path

def note(n):
    with open("ledger", "a") as file:
        file.write(f"{n} {os.getpid()}\\n")

def nap(n, s=0.2):
    note(n)
    time.sleep(s)

def spin(n):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass

def gate(n):
    note(n)
    while not Path("open").exists():
        time.sleep(0.01)
    if Path("fail").exists():
        raise RuntimeError("told to fail")

def fail():
    raise ValueError("no good")
"""

PATIENT_WORKER = """\
import sys
from jobctl.engine.supervisor import supervisor
supervisor.KILL_MARGIN_S = supervisor.LAST_CALL_S = 60.0
from jobctl.__main__ import main
main()
"""
"""`jobctl`, whose workers do not kill a process that takes longer than it should to give back its jobs: a busy machine
makes it take so long."""


class Started:
    """A started command whose JSON log lines can be waited for."""

    def __init__(self, process: subprocess.Popen[Any], log: Path) -> None:
        self.process = process
        self.path = log

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self.parse(self.path.read_text())

    @staticmethod
    def parse(text: str) -> list[dict[str, Any]]:
        """The JSON lines of a log; the last one may be half written."""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def messages(self, contains: str) -> list[str]:
        return [found for line in self.lines if contains in (found := line.get("message") or "")]

    def said(self, contains: str, timeout: float = PATIENCE_S, times: int = 1) -> None:
        try:
            eventually(lambda: len(self.messages(contains)) >= times, timeout, f"log {contains!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.path.read_text()[-6000:]}") from None

    def ready(self) -> Started:
        self.said("is ready")
        return self

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, timeout: float = PATIENCE_S) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout} s\n{self.path.read_text()[-6000:]}") from None


class Project:
    """A folder with a catalog, over one Redis whose data is this test's alone."""

    def __init__(self, cli: Cli, redis_url: str) -> None:
        self.cli = cli
        self.folder = cli.cwd
        self.url = redis_url
        self.write("jobs.yaml", CATALOG)
        self.write("work.py", TASKS)
        self.client: Client = jobctl.connect(catalog=str(self.folder / "jobs.yaml"), redis=redis_url)
        self.store = Store(connect(redis_url), NAMESPACE)
        self._started: list[Started] = []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def start(self, *args: str, command: list[str] | None = None, **env: str) -> Started:
        log = self.folder / f"log-{len(self._started)}"
        if args[:1] == ("worker",) and command is None:
            command = [sys.executable, "-c", PATIENT_WORKER, *args]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command or self.cli.command(*args),
                cwd=self.folder,
                env={**self.cli.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        started = Started(process, log)
        self._started.append(started)
        return started

    def worker(self, *args: str) -> Started:
        return self.start("worker", "--processes=2", "--threads=2", *args)

    def naps(self, count: int, s: float = 0.2) -> list[str]:
        return self.client.enqueue_many("nap", [{"n": n, "s": s} for n in range(count)])

    def jobs(self, ids: list[str]) -> list[Job]:
        return [self.client.job(job_id) for job_id in ids]

    def states(self, ids: list[str]) -> Counter[str]:
        return Counter(job.state for job in self.jobs(ids))

    def all_are(self, state: str, ids: list[str], timeout: float = PATIENCE_S) -> None:
        def check() -> bool:
            found = self.states(ids)
            assert found == {state: len(ids)}, found
            return True

        eventually(check, timeout)

    def ledger(self) -> Counter[int]:
        """How often each number was begun."""
        path = self.folder / "ledger"
        return Counter(int(line.split()[0]) for line in path.read_text().splitlines()) if path.exists() else Counter()

    def begun_by(self, n: int) -> list[int]:
        """The pids of the processes that began a number, in their order."""
        lines = (line.split() for line in (self.folder / "ledger").read_text().splitlines())
        return [int(pid) for number, pid in lines if int(number) == n]

    def children(self, worker: Started) -> list[int]:
        """The pids of a worker's processes."""
        return child_processes(worker.process.pid)

    def pids(self, count: int) -> list[int]:
        """The processes that command jobs noted, once there are so many."""
        path = self.folder / "pids"
        found = eventually(lambda: path.exists() and len(path.read_text().split()) >= count and path.read_text())
        return [int(pid) for pid in str(found).split()]

    def close(self) -> None:
        for started in self._started:
            with contextlib.suppress(ProcessLookupError):
                started.process.send_signal(signal.SIGKILL)
            started.process.wait()


def child_processes(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split() if alive(int(child))]


def descendants(pid: int) -> list[int]:
    """All living processes below one."""
    below = child_processes(pid)
    return below + [deeper for child in below for deeper in descendants(child)]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pids: list[int], timeout: float = PATIENCE_S) -> None:
    """Wait until none of the processes lives."""
    eventually(lambda: not [pid for pid in pids if alive(pid)], timeout, f"processes {pids} to end")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def make(cli: Cli, redis_url: str) -> Iterator[Project]:
    project = Project(cli, redis_url)
    try:
        yield project
    finally:
        project.close()
