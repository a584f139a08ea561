"""Async jobs of one process, beside what the same code does on a bare event loop, and plain functions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks import tasks
from benchmarks.harness import Bench, Row, until
from benchmarks.measure import cpu_of
from benchmarks.peers import Jobctl, Peer

BARE, PLAIN = "bare loop", "jobctl, threads"
CASES = (("async-noop", 40_000, 100), ("async-sleep", 10_000, 500), ("async-incr", 20_000, 100))
"""Job type, how many of them, and how many at once."""
_BARE: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "async-sleep": tasks.async_sleep,
    "async-incr": tasks.async_incr,
}


def loops(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """Jobs a second of one process with one event loop, and the CPU of its worker."""
    jobctl, rows = Jobctl(bench), []
    for job, all_of_them, at_once in CASES:
        count = bench.count(all_of_them)
        title = f"{job} drained, 1 process, {at_once} at once"
        speed, cpu = Row(title, "jobs/s", "higher"), Row(f"{title}: worker CPU", "µs/job", "lower")
        rows += [speed, cpu]
        for _ in range(bench.repeats):
            _add(speed, cpu, jobctl.name, _drained(bench, jobctl, job, "loop", count, at_once))
            if job in _BARE:
                _add(speed, cpu, BARE, asyncio.run(_bare(_BARE[job], count, at_once)))
            else:
                _add(speed, cpu, PLAIN, _drained(bench, jobctl, "noop", "default", count, at_once))
    return rows


def _add(speed: Row, cpu: Row, peer: str, measured: tuple[float, float]) -> None:
    for row, value in zip((speed, cpu), measured, strict=True):
        row.samples.setdefault(peer, []).append(value)


def _drained(bench: Bench, jobctl: Jobctl, job: str, queue: str, count: int, at_once: int) -> tuple[float, float]:
    """(jobs a second, microseconds of worker CPU a job) from the first job taken to the last."""
    redis = bench.client()
    redis.flushdb()
    jobctl.fill(job, count)

    def left() -> int:
        return int(redis.hlen(f"ours:{queue}.msgs"))

    with _worker(bench, queue, at_once) as process:
        until(lambda: left() < count)
        began, rest, cpu = time.monotonic(), max(1, left()), cpu_of(process)
        ended = until(lambda: left() == 0)
        used = cpu_of(process) - cpu
    return rest / (ended - began), used / rest * 1e6


@contextmanager
def _worker(bench: Bench, queue: str, at_once: int) -> Iterator[psutil.Process]:
    options = ["--processes", "1", "--threads", "4", "--async-jobs", str(at_once), "--queues", queue]
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


ALL = {"loops": loops}
