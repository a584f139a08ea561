"""The peers: how each enqueues one job and starts a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import psutil

from benchmarks.harness import Bench


class Peer(Protocol):
    """One system under measurement."""

    name: str
    share: float
    """Of the jobs that jobctl gets in a drain, how many are enough to measure this one."""

    def send(self, job: str, **payload: Any) -> None: ...

    def fill(self, job: str, count: int) -> None: ...

    def left(self) -> int: ...

    def worker(self, threads: int, processes: int = 1) -> Any: ...


class Jobctl:
    """jobctl, with the catalog's defaults on."""

    name = "jobctl"
    share = 1.0

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    @cached_property
    def client(self) -> Any:
        import jobctl

        os.environ.update(self.bench.env())
        return jobctl.connect(self.bench.folder / "jobs.yaml", self.bench.url)

    def send(self, job: str, **payload: Any) -> None:
        self.client.enqueue(job, payload)

    def fill(self, job: str, count: int) -> None:
        self.client.enqueue_many(job, ({} for _ in range(count)))

    def left(self) -> int:
        return int(self.bench.client().hlen("ours:default.msgs"))

    @contextmanager
    def worker(self, threads: int, processes: int = 1) -> Iterator[psutil.Process]:
        argv = ["jobctl", "worker", "--processes", str(processes), "--threads", str(threads)]
        with self.bench.process(*argv) as process:
            yield process


class Stock:
    """Dramatiq as shipped."""

    name = "dramatiq"
    share = 0.1

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    @cached_property
    def actors(self) -> Any:
        os.environ.update(self.bench.env())
        from benchmarks import stock

        return stock

    def send(self, job: str, **payload: Any) -> None:
        getattr(self.actors, job).send(**payload)

    def fill(self, job: str, count: int) -> None:
        actor = getattr(self.actors, job)
        for _ in range(count):
            actor.send()

    def left(self) -> int:
        return int(self.bench.client().hlen("stock:default.msgs"))

    @contextmanager
    def worker(self, threads: int, processes: int = 1) -> Iterator[psutil.Process]:
        argv = ["dramatiq", "benchmarks.stock", "--processes", str(processes), "--threads", str(threads)]
        with self.bench.process(*argv) as process:
            yield process


class Other:
    """Huey, RQ or Celery: one process, for the rows that they have."""

    def __init__(self, bench: Bench, name: str, queue: str, share: float) -> None:
        self.bench = bench
        self.name = name
        self.share = share
        self._queue = queue

    @cached_property
    def jobs(self) -> Any:
        os.environ.update(self.bench.env())
        from benchmarks import others

        if self.name == "huey":
            return others.huey_app()[1]
        if self.name == "celery":
            return others.celery_app()[1]
        from rq import Queue

        return Queue("bench", connection=self.bench.client())

    def send(self, job: str, **payload: Any) -> None:
        if self.name == "huey":
            self.jobs[job](**payload)
        elif self.name == "celery":
            self.jobs[job].apply_async(kwargs=payload)
        else:
            from benchmarks import tasks

            self.jobs.enqueue(getattr(tasks, job), kwargs=payload, result_ttl=0)

    def fill(self, job: str, count: int) -> None:
        for _ in range(count):
            self.send(job)

    def left(self) -> int:
        return int(self.bench.client().llen(self._queue))

    @contextmanager
    def worker(self, threads: int, processes: int = 1) -> Iterator[psutil.Process]:
        assert processes == 1, f"{self.name} is measured with one process"
        argv = {
            "huey": ["huey.bin.huey_consumer", "benchmarks.huey_app.app", "-w", str(threads)],
            "celery": [
                "celery",
                "-A",
                "benchmarks.celery_app",
                "worker",
                "-P",
                "threads",
                "-c",
                str(threads),
                "-l",
                "ERROR",
            ],
            "rq": ["rq.cli", "worker", "-w", "rq.worker.SimpleWorker", "-u", self.bench.url, "-q", "bench"],
        }[self.name]
        with self.bench.process(*argv) as process:
            yield process


def others(bench: Bench) -> list[Peer]:
    """The other systems that are installed here."""
    from importlib.util import find_spec

    known = (("huey", "huey.redis.bench", 0.15), ("rq", "rq:queue:bench", 0.03), ("celery", "celery", 0.06))
    return [Other(bench, name, queue, share) for name, queue, share in known if find_spec(name)]
