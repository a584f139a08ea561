"""Where a scenario happens: a server, a catalog, workers as real processes, a ledger, and what was accepted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobctl import clock
from jobctl.catalog.load import load
from jobctl.errors import RedisUnavailable
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.wire.connection import connect
from tests.chaos.ledger import Ledger
from tests.chaos.server import Server
from tests.chaos.workers import Worker

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOG = """\
version: 1
namespace: chaos
defaults: {timeout: 5m, retries: {max: 5, delay: 1s, backoff: fixed}}
jobs:
  work: {python: "tests.chaos.tasks:work"}
  fail-while: {python: "tests.chaos.tasks:fail_while"}
  mortal-fail: {python: "tests.chaos.tasks:fail_while", retries: {max: 0}}
"""


def until(done: Callable[[], object], timeout_s: float, every_s: float = 0.02) -> bool:
    """Whether the condition came true in time. An unreachable Redis counts as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(RedisUnavailable):
            if done():
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)


@dataclass(frozen=True)
class Tally:
    """What became of the accepted jobs. `stuck` are still live when all should be quiet."""

    accepted: int
    lost: int
    stuck: int
    dead: int
    repeated: int


class Arena:
    """One scenario's private world under `folder`."""

    def __init__(self, folder: Path, server: Server, catalog: str = CATALOG) -> None:
        self.folder, self.server = folder, server
        self.catalog = folder / "jobs.yaml"
        self.catalog.write_text(catalog)
        self.ledger = Ledger(folder / "ledger")
        self.accepted: list[str] = []
        self.workers: list[Worker] = []
        self.address = server.url
        """What workers and producers are told: the server, or a proxy before it."""
        self._store: Store | None = None
        self._front: Store | None = None
        self._producer: Producer | None = None

    @property
    def store(self) -> Store:
        """The store for looking: straight to the server, whatever workers are told."""
        if self._store is None:
            self._store = Store(connect(self.server.url, retries=1), "chaos")
        return self._store

    @property
    def front(self) -> Store:
        """The store for producing, at the workers' address, without retries of its own."""
        if self._front is None:
            self._front = Store(connect(self.address, timeout_s=2.0), "chaos")
        return self._front

    @property
    def producer(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(load(self.catalog), self.front.mint)
        return self._producer

    def aim(self, server: Server) -> None:
        """From now on look at another server."""
        self.server, self._store = server, None

    # producing

    def send(
        self, job_type: str, count: int = 1, *, timeout_s: float = 60.0, delay: float | None = None,
        priority: str | None = None, **payload: Any,
    ) -> list[str]:  # fmt: skip
        """Enqueue and remember as accepted; the same ids again and again while Redis does not answer."""
        jobs = [self.producer.prepare(job_type, payload, delay=delay, priority=priority) for _ in range(count)]
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.front.jobs.enqueue(jobs)
                break
            except RedisUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        ids = [job.id for job in jobs]
        self.accepted += ids
        return ids

    # commands and workers

    def pause(self, *what: str, for_s: float) -> float:
        """Pause by the command line with --until; returns when it ends, on the monotonic clock."""
        end = clock.now_ms() / 1000 + for_s
        ends_at = time.monotonic() + for_s
        self.must("queue", "pause", *what, "--until", clock.to_datetime(round(end * 1000)).isoformat())
        return ends_at

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run `jobctl` as a person does, with this world's catalog and server."""
        return subprocess.run(
            [sys.executable, "-m", "jobctl", *argv],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, *argv: str) -> str:
        """What a command prints that has to succeed. Raises RuntimeError."""
        done = self.command(*argv)
        if done.returncode != 0:
            raise RuntimeError(f"jobctl {' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def environment(self, path: str = "") -> dict[str, str]:
        """What a worker or a command finds; `path` goes before all others for Python's imports."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("JOBCTL_")},
            "PYTHONPATH": os.pathsep.join(filter(None, [path, str(ROOT), os.environ.get("PYTHONPATH", "")])),
            "CHAOS_LEDGER": str(self.ledger.path),
            "JOBCTL_REDIS_URL": self.address,
        }

    def worker(
        self, *, processes: int = 1, threads: int = 8, grace_s: float = 25.0, queues: str = "", path: str = "",
        ready: bool = True, async_jobs: int = 100,
    ) -> Worker:  # fmt: skip
        """Start a worker (a supervisor and its processes); by default wait until it is ready."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        options = ["--processes", str(processes), "--threads", str(threads), "--grace", f"{grace_s:g}s"]
        options += ["--async-jobs", str(async_jobs)]
        if queues:
            options += ["--queues", queues]
        worker = Worker(self.catalog.parent, log, options, self.environment(path))
        self.workers.append(worker)
        if ready:
            worker.wait_ready()
        return worker

    # counting

    def queues(self) -> list[str]:
        return self.store.queues.names()

    def live(self) -> int:
        """Jobs that have not reached an end: every one has its body among the live ones."""
        return sum(int(self.store.client.hlen(self.store.keys.bodies(queue))) for queue in self.queues())

    def in_line(self) -> int:
        """Jobs that some line holds: waiting, delayed, retrying, running."""
        rows = self.store.queues.depth(self.queues())
        return sum(row.waiting + row.delayed + (row.retrying or 0) + (row.running or 0) for row in rows)

    def dead(self) -> set[str]:
        keys, client = self.store.keys, self.store.client
        return {i.decode("utf-8", "replace") for q in self.queues() for i in client.zrange(keys.dead(q), 0, -1)}

    def settle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do."""
        return until(lambda: self.live() == 0 and self.in_line() == 0, timeout_s, 0.1)

    def tally(self) -> Tally:
        accepted, done, dead = set(self.accepted), self.ledger.done(), self.dead()
        live = set()
        for queue in self.queues():
            live |= {i.decode("utf-8", "replace") for i in self.store.client.hkeys(self.store.keys.bodies(queue))}
        return Tally(
            accepted=len(accepted),
            lost=len(accepted - done - dead - live),
            stuck=max(len(live), self.in_line()),
            dead=len(dead),
            repeated=self.ledger.repeats(accepted),
        )

    def log_says(self, text: str) -> int:
        """How often the workers' logs hold a text."""
        return sum(path.read_text(errors="replace").count(text) for path in self.folder.glob("worker-*.log"))

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.server.kill()


@contextmanager
def arena(folder: Path, catalog: str = CATALOG, **options: str) -> Iterator[Arena]:
    """A fresh world with a server that runs; everything is ended at the end."""
    server = Server(folder, **options)
    made = Arena(folder, server, catalog)
    try:
        server.start()
        yield made
    finally:
        made.close()
