"""Async jobs of one process, beside what the same code does on a bare event loop, and plain functions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks import tasks
from benchmarks.harness import Bench, Row, until
from benchmarks.measure import cpu_of
from benchmarks.peers import Peer

BARE, PLAIN = "bare loop", "jobctl, threads"
CASES = (("async-noop", 40_000, 100), ("async-sleep", 10_000, 500), ("async-incr", 20_000, 100))
"""Job type, how many of them, and how many at once."""
_BARE: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "async-sleep": tasks.async_sleep,
    "async-incr": tasks.async_incr,
}


def loops(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """Jobs a second of one process with one event loop, and the CPU of its worker."""
    catalog, rows = bench.folder / "jobs.yaml", []
    for job, all_of_them, at_once in CASES:
        count = bench.count(all_of_them)
        title = f"{job} drained, 1 process, {at_once} at once"
        speed, cpu = Row(title, "jobs/s", "higher"), Row(f"{title}: worker CPU", "µs/job", "lower")
        rows += [speed, cpu]
        for _ in range(bench.repeats):
            _add(speed, cpu, "jobctl", _drained(bench, catalog, job, "loop", count, at_once))
            if job in _BARE:
                _add(speed, cpu, BARE, asyncio.run(_bare(_BARE[job], count, at_once)))
            else:
                _add(speed, cpu, PLAIN, _drained(bench, catalog, "noop", "default", count, at_once))
    return rows


def _add(speed: Row, cpu: Row, peer: str, measured: tuple[float, float]) -> None:
    for row, value in zip((speed, cpu), measured, strict=True):
        row.samples.setdefault(peer, []).append(value)


HTTP = """\
version: 1
namespace: ours
jobs:
  call: {http: {url: "http://127.0.0.1:%d/orders/{{ n }}", json: "{{ payload }}"}, queue: http}
"""
HTTP_AT_ONCE = 500


def http(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """`http` jobs of one process to a local receiver that takes 100 ms, beside aiohttp on a bare loop."""
    count = bench.count(20_000)
    title = f"http jobs to a receiver that takes 100 ms, 1 process, {HTTP_AT_ONCE} at once"
    speed, cpu = Row(title, "jobs/s", "higher"), Row(f"{title}: worker CPU", "µs/job", "lower")
    with _receiver() as port:
        catalog = bench.folder / "http.yaml"
        catalog.write_text(HTTP % port)
        for _ in range(bench.repeats):
            _add(speed, cpu, "jobctl", _drained(bench, catalog, "call", "http", count, HTTP_AT_ONCE))
            _add(speed, cpu, BARE, asyncio.run(_bare_http(f"http://127.0.0.1:{port}/orders/1", count)))
    return [speed, cpu]


@contextmanager
def _receiver() -> Iterator[int]:
    argv = [sys.executable, str(Path(__file__).with_name("receiver.py"))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def _bare_http(url: str, count: int) -> tuple[float, float]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> None:
            async with session.post(url, json={"n": 1}) as answer:
                await answer.read()

        return await _bare(call, count, HTTP_AT_ONCE)


def _drained(bench: Bench, catalog: Path, job: str, queue: str, count: int, at_once: int) -> tuple[float, float]:
    """(jobs a second, microseconds of worker CPU a job) from the first job taken to the last."""
    import jobctl

    redis = bench.client()
    redis.flushdb()
    jobctl.connect(catalog, bench.url).enqueue_many(job, ({"n": n} for n in range(count)))

    def left() -> int:
        return int(redis.hlen(f"ours:{queue}.msgs"))

    with _worker(bench, catalog, queue, at_once) as process:
        until(lambda: left() < count)
        began, rest, cpu = time.monotonic(), max(1, left()), cpu_of(process)
        ended = until(lambda: left() == 0)
        used = cpu_of(process) - cpu
    return rest / (ended - began), used / rest * 1e6


@contextmanager
def _worker(bench: Bench, catalog: Path, queue: str, at_once: int) -> Iterator[psutil.Process]:
    options = ["--processes", "1", "--threads", "4", "--async-jobs", str(at_once), "--queues", queue]
    options += ["--catalog", str(catalog)]
    with bench.process("jobctl", "worker", *options) as process:
        yield process


async def _bare(call: Callable[[], Coroutine[Any, Any, None]], count: int, at_once: int) -> tuple[float, float]:
    """The same calls on a loop with nothing else."""
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await call()

    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    took, used = time.monotonic() - began, time.process_time() - cpu
    tasks.async_client.cache_clear()  # it is this loop's
    return count / took, used / count * 1e6


ALL = {"loops": loops, "http": http}
