"""Dramatiq programs, run by the `dramatiq` command on JobctlBroker and by `jobctl worker`: the same comes of them.

They stand in for the examples of Dramatiq's repository, which its source distribution does not hold, and for libraries
that lean on Dramatiq. docs/dramatiq.md names them all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import PATIENCE_S, clean_environment, eventually

PROGRAMS = Path(__file__).with_name("programs")
CATALOG = """\
version: 1
namespace: programs
defaults: {retries: {max: 0}}
jobs:
  add: {actor: "basic:add"}
  add_later: {actor: "basic:add_later"}
  long_running: {actor: "basic:long_running"}
  tell_the_date: {actor: "basic:tell_the_date"}
  delayed: {actor: "basic:delayed"}
  text_of: {actor: "composed:text_of"}
  count_words: {actor: "composed:count_words"}
  broken: {actor: "composed:broken"}
  all_counted: {actor: "composed:all_counted"}
  crawl: {actor: "crawler:crawl"}
  endless: {actor: "limits:endless"}
  aborted: {actor: "limits:aborted"}
  persistent: {actor: "limits:persistent"}
  hourly: {actor: "periodic:hourly"}
  foo_task: {actor: "several:foo_task"}
  bar_task: {actor: "several:bar_task"}
  counted: {actor: "max_tasks:counted"}
worker:
  middleware: ["outfit:limits", "outfit:extras"]
"""
STOCK = ["-m", "dramatiq", "stock:set_up", "basic", "composed", "crawler", "limits", "periodic", "several", "max_tasks"]
WORKERS = {
    "dramatiq": [*STOCK, "--processes=1", "--threads=8"],
    "jobctl worker": ["-m", "jobctl", "worker", "--processes=1", "--threads=8"],
}
OUTCOME = {
    "basic": ["3"],
    "asyncio": ["7"],
    "long_running": ["done"],
    "scheduling": ["a date"],
    "delayed": ["now"],
    "results": 2,
    "composition": [3, 1],
    "groups": ["all counted"],
    "failure": "actor raised ValueError: no result",
    "crawler": ["/", "/a", "/b", "/c"],
    "time_limit": ["exceeded"],
    "abort": ["begins", "aborted"],
    "persistent": ["begins"],
    "periodiq": ["due"],
    "several": ["bar", "foo"],
    "sentry": ["TimeLimitExceeded endless", "ValueError broken"],
}


class Programs:
    """The programs in a folder of a test, with whatever runs them."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = clean_environment(folder) | {
            "PROGRAMS_URL": redis_url,
            "JOBCTL_REDIS_URL": redis_url,
            "dramatiq_prom_host": "127.0.0.1",
            "dramatiq_prom_port": str(self.port),
            "dramatiq_prom_db": str(folder / "prometheus"),
        }
        self.environment["PYTHONPATH"] += os.pathsep + str(PROGRAMS)
        # where `dramatiq` finds its `python` when it starts itself again
        self.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), self.environment["PATH"]])
        (folder / "jobs.yaml").write_text(CATALOG)
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *argv],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(self, *argv: str) -> str:
        ran = subprocess.run(
            [sys.executable, *argv],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert ran.returncode == 0, ran.stderr + self.log()
        return ran.stdout

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def said(self, program: str) -> list[str]:
        lines = (self.folder / "said").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == program]

    def metric(self, name: str, actor: str) -> float:
        """A number of Dramatiq's Prometheus middleware."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
        found = re.search(rf'^{name}{{actor_name="{actor}",.*}} (.*)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def close(self) -> None:
        """End what runs. The workers of a killed `dramatiq` would live on, so its whole session is."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def programs(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Programs]:
    programs = Programs(tmp_path, redis_url)
    yield programs
    programs.close()


@pytest.mark.parametrize("by", WORKERS)
def test_programs_do_the_same_under_both_workers(programs: Programs, by: str) -> None:
    worker = programs.start(WORKERS[by])
    outcome: dict[str, Any] = json.loads(programs.run(str(PROGRAMS / "produce.py")))
    assert outcome == OUTCOME, programs.log()[-6000:]
    eventually(lambda: programs.metric("dramatiq_messages_total", "crawl") >= 5)
    assert programs.metric("dramatiq_message_errors_total", "broken") == 1
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    assert programs.said("persistent") == ["begins", "stopped"]

    programs.start(WORKERS[by])
    programs.run("-c", "import stock; stock.set_up(); import limits; limits.persistent.send()")
    eventually(lambda: programs.said("persistent") == ["begins", "stopped", "resumes", "done"])
    programs.run("-c", "import stock; stock.set_up(); import max_tasks; max_tasks.send_until_replaced()")
