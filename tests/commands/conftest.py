"""A catalog, the real command in its folder, and a real worker in a thread of the test."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from jobctl.catalog.load import load
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.process import Worker
from jobctl.engine.tools.stop import StopFlag
from jobctl.store import Store
from tests.commands import work_tasks
from tests.support import PATIENCE_S, Cli

CATALOG = """
version: 1
namespace: lab
max_payload: 4KiB
defaults: {retries: {max: 1, delays: [20ms]}}
jobs:
  greet:
    python: tests.commands.work_tasks:greet
    payload:
      required: [name]
      properties: {name: {type: string}, n: {type: integer}, ok: {type: boolean}}
      additionalProperties: false
    label: "for {{ name }}"
  boom: {python: "tests.commands.work_tasks:boom"}
  patient: {python: "tests.commands.work_tasks:boom", retries: {max: 3, delays: [1h]}}
  hold: {python: "tests.commands.work_tasks:hold"}
  spin: {python: "tests.commands.work_tasks:spin", timeout: 300ms, retries: {max: 0}}
  busy: {python: "tests.commands.work_tasks:spin"}
  deaf: {python: "tests.commands.work_tasks:deaf"}
  sour: {python: "tests.commands.work_tasks:sour"}
  dawdle: {python: "tests.commands.work_tasks:dawdle"}
  parent: {python: "tests.commands.work_tasks:parent"}
  noisy: {python: "tests.commands.work_tasks:noisy"}
  sleep: {command: [sh, -c, 'echo started; exec sleep "$1"', sh, "{{ seconds }}"]}
  fail: {command: [sh, -c, "echo broken >&2; exit 3"], retries: {max: 0}}
  child: {command: ["@PYTHON@", -m, jobctl, enqueue, greet, name=child]}
  mail: {queue: email, python: "tests.commands.work_tasks:greet"}
"""

Working = Callable[[], object]


@pytest.fixture
def lab(redis_cli: Cli) -> Cli:
    """The command in a folder with the catalog, and the test's Redis."""
    (redis_cli.cwd / "jobs.yaml").write_text(CATALOG.replace("@PYTHON@", sys.executable))
    return redis_cli


@pytest.fixture
def store(lab: Cli, redis_client: redis.Redis) -> Store:
    """The namespace of the catalog."""
    return Store(redis_client, "lab")


@pytest.fixture
def worker(lab: Cli, redis_url: str) -> Iterator[Callable[[], None]]:
    """Call it to start a worker, which ends with the test."""
    with _worker(lab, redis_url) as start:
        yield start


@contextmanager
def _worker(lab: Cli, redis_url: str) -> Iterator[Callable[[], None]]:
    work_tasks.STARTED.clear()
    work_tasks.RELEASE.clear()
    stop, threads = StopFlag(), []
    path = lab.cwd / "jobs.yaml"

    def start() -> None:
        environment = {"JOBCTL_CATALOG": str(path), "JOBCTL_REDIS_URL": redis_url}
        config = ChildConfig(
            name=f"test:{os.getpid()}:{id(stop)}:1",
            catalog_path=str(path),
            redis_url=redis_url,
            threads=4,
            grace_s=1.0,
            environment=environment,
        )
        env = {**os.environ, "PYTHONPATH": lab.env["PYTHONPATH"]}
        working = Worker(config, load(Path(path)), None, env)
        threads.append(threading.Thread(target=working.run, args=(stop,), daemon=True))
        threads[-1].start()

    try:
        yield start
    finally:
        work_tasks.RELEASE.set()
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
