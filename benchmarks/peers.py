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

    def send(self, job: str, **payload: Any) -> None: ...

    def fill(self, job: str, count: int) -> None: ...

    def left(self) -> int: ...

    def worker(self, threads: int, processes: int = 1) -> Any: ...


class Jobctl:
    """jobctl, with the catalog's defaults on."""

    name = "jobctl"

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
