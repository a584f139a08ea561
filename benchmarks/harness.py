"""Rows, medians, ratios; a private server and worker processes for the peers."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from jobctl.engine.server.embedded import EmbeddedServer

HERE = Path(__file__).parent
CATALOG = """\
version: 1
namespace: ours
jobs:
  noop: {python: "benchmarks.tasks:noop"}
  incr: {python: "benchmarks.tasks:incr"}
  async-noop: {python: "benchmarks.tasks:async_noop", queue: loop}
  async-sleep: {python: "benchmarks.tasks:async_sleep", queue: loop}
  async-incr: {python: "benchmarks.tasks:async_incr", queue: loop}
  stamp: {python: "benchmarks.tasks:stamp"}
  checked:
    python: benchmarks.tasks:noop
    payload: {required: [n], properties: {n: {type: integer}, to: {type: string, format: email}}}
"""
QUEUES = tuple(f"queue{n}" for n in range(49))
"""With the default one, fifty queues: what an idle worker costs depends on how many it looks at."""
CATALOG += "".join(f'  {queue}-job: {{python: "benchmarks.tasks:noop", queue: {queue}}}\n' for queue in QUEUES)
LOG = Path(tempfile.gettempdir()) / "jobctl-bench.log"


@dataclass(frozen=True)
class Row:
    """One measured thing. `samples` are of one peer; `better` says which way is good."""

    what: str
    unit: str
    better: str  # higher | lower
    samples: dict[str, list[float]] = field(default_factory=dict)

    def median(self, peer: str) -> float:
        return statistics.median(self.samples[peer])

    def ratio(self, peer: str) -> float:
        """How many times better jobctl is than `peer`."""
        ours, theirs = self.median("jobctl"), self.median(peer)
        return ours / theirs if self.better == "higher" else theirs / ours


@dataclass(frozen=True)
class Bench:
    """What a measurement works with: a server, a project folder, how often to repeat, how large."""

    server: EmbeddedServer
    folder: Path
    repeats: int
    scale: float

    @property
    def url(self) -> str:
        return self.server.url

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def env(self) -> dict[str, str]:
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        return {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": path,
            "PYTHONPYCACHEPREFIX": str(self.folder / "compiled"),  # all modules compiled, as installed ones are
            "BENCH_URL": self.url,
            "JOBCTL_REDIS_URL": self.url,
            "JOBCTL_CATALOG": str(self.folder / "jobs.yaml"),
        }

    def count(self, n: int) -> int:
        return max(50, int(n * self.scale))

    @contextmanager
    def process(self, *argv: str) -> Iterator[psutil.Process]:
        """A worker process, stopped at the end."""
        with LOG.open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", *argv],
                cwd=self.folder,
                env=self.env(),
                stdout=log,
                stderr=log,
            )
        try:
            yield psutil.Process(started.pid)
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@contextmanager
def bench(repeats: int, scale: float) -> Iterator[Bench]:
    """A private server (AOF every second) and a project folder."""
    with tempfile.TemporaryDirectory(prefix="jobctl-bench-") as name:
        folder = Path(name)
        (folder / "jobs.yaml").write_text(CATALOG)
        with EmbeddedServer(folder / "state") as server:
            yield Bench(server, folder, repeats, scale)


def until(done: Callable[[], bool], timeout_s: float = 120.0, every_s: float = 0.005) -> float:
    """Wait for a condition; returns the time (monotonic) at which it was seen."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s; the workers' output is in {LOG}")
        time.sleep(every_s)
    return time.monotonic()
