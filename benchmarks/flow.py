"""What limits, uniqueness and cancelling cost, and how exactly limits hold. In a namespace of their own.

Starts are read from the jobs' own records, so that measuring costs the jobs nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.harness import LOG, Bench, Row, until
from benchmarks.peers import Peer
from jobctl.catalog.load import load
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.data import codec

KEYS = 10_000
CATALOG = """\
version: 1
namespace: flow
jobs:
  plain: {python: "benchmarks.tasks:noop"}
  keyed: {python: "benchmarks.tasks:noop", queue: keyed, rate_limit: {rate: 10/s, key: "{{ k }}"}}
  slow: {python: "benchmarks.tasks:noop", queue: slow, rate_limit: {rate: 1/5s, key: "{{ k }}"}}
  exact: {python: "benchmarks.tasks:noop", queue: exact, rate_limit: 100/s}
  held: {python: "benchmarks.tasks:noop", queue: held, rate_limit: {rate: 1/h, key: "{{ k }}"}}
  single: {python: "benchmarks.tasks:noop", queue: single, unique: {key: "{{ k }}"}}
"""


@dataclass(frozen=True)
class Place:
    """Where jobs go, and what makes them."""

    store: Store
    producer: Producer


@contextmanager
def _place(bench: Bench) -> Iterator[Place]:
    """A catalog with limits; the bench's own catalog is back afterwards."""
    path = bench.folder / "jobs.yaml"
    before = path.read_text()
    path.write_text(CATALOG)
    bench.client().flushdb()
    try:
        store = Store(bench.client(), "flow")
        yield Place(store, Producer(load(path), store.mint))
    finally:
        path.write_text(before)
        bench.client().flushdb()


def _fill(place: Place, job: str, payloads: Sequence[dict[str, Any]]) -> None:
    for at in range(0, len(payloads), 5_000):
        place.store.jobs.enqueue([place.producer.prepare(job, payload) for payload in payloads[at : at + 5_000]])


@contextmanager
def _workers(bench: Bench) -> Iterator[None]:
    with bench.process("jobctl", "worker", "--processes", "4", "--threads", "4"):
        yield


def _starts(place: Place, queue: str) -> dict[str, list[int]]:
    """When the jobs of each key were started, epoch ms."""
    store = place.store
    out: dict[str, list[int]] = {}
    bodies = store.client.hgetall(store.keys.archive(queue))
    for job_id, data in store.client.hgetall(store.keys.records(queue)).items():
        record = codec.decode_record(data)
        if job_id in bodies and record.began is not None:
            key = str(codec.decode_body(bodies[job_id]).kwargs.get("k", ""))
            out.setdefault(key, []).append(record.began)
    return {key: sorted(times) for key, times in out.items()}


def keys(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """Many jobs over many keys: at a rate that the machine cannot reach, and at one that it can."""
    drained = Row("jobs over 10,000 keys at 10/s a key, 4 workers (more than the machine can run)", "jobs/s", "higher")
    served = Row("jobs over 10,000 keys at one in 5 s a key: started, of what the limits allow", "%", "higher")
    lag = Row("the same: largest lag of a key, in shares of 5 s", "shares", "lower")
    over = Row("the same: keys over their limit in any window", "keys", "lower")
    count, names = bench.count(100_000), bench.count(KEYS)
    payloads = [{"k": f"key{n % names}"} for n in range(count)]
    with _place(bench) as place:
        for job in ("plain", "keyed"):
            _fill(place, job, payloads)
            queue = place.producer.catalog.jobs[job].queue
            with _workers(bench):
                left = _left(place, queue)
                until(lambda left=left: left() < count)
                began, first = time.monotonic(), left()
                ended = until(lambda left=left: left() == 0)
            drained.samples["jobctl" if job == "keyed" else "without limits"] = [first / (ended - began)]
            bench.client().flushdb()
        _fill(place, "slow", payloads)
        with _workers(bench):
            until(lambda: _left(place, "slow")() <= count - names, 60)
            time.sleep(25)
            starts = _starts(place, "slow")
        served.samples["jobctl"], lag.samples["jobctl"], over.samples["jobctl"] = _judge(starts, 5_000, 20_000)
    return [drained, served, lag, over]


def _judge(starts: dict[str, list[int]], interval: int, window: int) -> tuple[list[float], list[float], list[float]]:
    """(percent served, largest lag, keys over their limit) in `window` ms after all keys had their first start.

    They had it at about the same time: the window begins and ends where no key is near its turn.
    """
    begin = max(times[0] for times in starts.values()) + interval // 2
    allowed = window / interval
    counts = [sum(begin < at <= begin + window for at in times) for times in starts.values()]
    lags = [max(0, b - a - interval) / interval for times in starts.values() for a, b in pairwise(times)]
    over = sum(any(b - a < interval * 0.98 for a, b in pairwise(times)) for times in starts.values())
    return [100 * statistics.mean(counts) / allowed], [1 + max(lags, default=0.0)], [max(0.001, float(over))]


def _left(place: Place, queue: str) -> Any:
    store = place.store
    return lambda: int(store.client.hlen(store.keys.bodies(queue)))


def exact(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """One limit over four worker processes, for a minute."""
    row = Row("rate limit 100/s over 4 workers, 60 s: started, of what it allows", "%", "higher")
    seconds = 60 if bench.scale == 1 else 6
    with _place(bench) as place:
        _fill(place, "exact", [{} for _ in range(100 * seconds + 2_000)])
        with _workers(bench):
            until(lambda: bool(place.store.client.zcard(place.store.keys.completed("exact"))))
            time.sleep(seconds + 3)
            times = _starts(place, "exact")[""]
    begin = times[0] + 1_000
    row.samples["jobctl"] = [sum(begin <= at < begin + seconds * 1000 for at in times) / seconds]
    return [row]


def elsewhere(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """What unlimited queues lose when others have limits and jobs that wait for them."""
    row = Row("noop drained, 1 process x 4 threads, in a catalog with limits elsewhere", "jobs/s", "higher")
    count = bench.count(40_000)
    with _place(bench) as place:
        for _ in range(bench.repeats):
            for name in ("without limits", "jobctl"):
                bench.client().flushdb()
                if name == "jobctl":
                    _fill(place, "held", [{"k": f"key{n}"} for n in range(bench.count(20_000))] * 2)
                _fill(place, "plain", [{} for _ in range(count)])
                left = _left(place, "default")
                with bench.process("jobctl", "worker", "--processes", "1", "--threads", "4", "--queues", _queues(name)):
                    until(lambda left=left: left() < count)
                    began, first = time.monotonic(), left()
                    ended = until(lambda left=left: left() == 0)
                row.samples.setdefault(name, []).append(first / (ended - began))
    return [row]


def _queues(name: str) -> str:
    return "default,held,keyed" if name == "jobctl" else "default"


def unique(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """Enqueue with a unique key beside plain enqueue."""
    one = Row("enqueue with a unique key, one at a time", "jobs/s", "higher")
    bulk = Row("enqueue with unique keys, in bulk", "jobs/s", "higher")
    with _place(bench) as place:
        for _ in range(bench.repeats):
            for name, job in (("plain enqueue", "plain"), ("jobctl", "single")):
                bench.client().flushdb()
                payloads = [{"k": f"key{n}"} for n in range(bench.count(5_000))]
                began = time.perf_counter()
                for payload in payloads:
                    place.store.jobs.enqueue([place.producer.prepare(job, payload)])[0].require()
                one.samples.setdefault(name, []).append(len(payloads) / (time.perf_counter() - began))
                payloads = [{"k": f"bulk{n}"} for n in range(bench.count(50_000))]
                began = time.perf_counter()
                _fill(place, job, payloads)
                bulk.samples.setdefault(name, []).append(len(payloads) / (time.perf_counter() - began))
    return [one, bulk]


def cancel(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """`jobctl job cancel` of 10,000 waiting jobs, less what the command costs for one."""
    row = Row("cancel of 10,000 waiting jobs", "s", "lower")
    count = bench.count(10_000)
    with _place(bench) as place:
        for _ in range(bench.repeats):
            took = []
            for jobs in (1, count):
                _fill(place, "plain", [{} for _ in range(jobs)])
                argv = ["job", "cancel", "queue:default", "state:waiting", "--yes", "--max", str(count)]
                began = time.perf_counter()
                with LOG.open("ab") as log:
                    subprocess.run(
                        [sys.executable, "-m", "jobctl", *argv],
                        check=True, cwd=bench.folder, env=bench.env(), stdout=log, stderr=log,
                    )  # fmt: skip
                took.append(time.perf_counter() - began)
            row.samples.setdefault("jobctl", []).append(took[1] - took[0])
    return [row]


ALL = {"keys": keys, "exact": exact, "elsewhere": elsewhere, "unique": unique, "cancel": cancel}
