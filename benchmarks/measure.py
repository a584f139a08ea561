"""The measurements. Each returns rows with the samples of every peer, taken in turn within one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

import jobctl
from benchmarks.harness import LOG, Bench, Row, until
from benchmarks.peers import Peer
from jobctl.client import Client
from jobctl.store.data.newjob import NewJob


def pickup(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """Enqueue to start on an idle worker."""
    rows = [Row(f"idle pick-up, {name}", "ms", "lower") for name in ("p50", "p99")]
    redis = bench.client()
    for peer in peers:
        with peer.worker(threads=4):
            _warm(bench, peer)
            for _ in range(bench.repeats):
                redis.delete("bench:latency")
                for sent in range(bench.count(60)):
                    peer.send("stamp", sent=time.monotonic_ns())
                    until(lambda sent=sent: redis.llen("bench:latency") > sent, every_s=0.002)
                    time.sleep(0.02)
                taken = sorted(int(ns) / 1e6 for ns in redis.lrange("bench:latency", 0, -1))
                rows[0].samples.setdefault(peer.name, []).append(taken[len(taken) // 2])
                rows[1].samples.setdefault(peer.name, []).append(taken[int(len(taken) * 0.99)])
    return rows


def drain(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """Jobs a second through one, two and four worker processes, and what a job costs in CPU."""
    rows = []
    for job, count, threads in (("noop", 40_000, 4), ("incr", 20_000, 8)):
        for processes in (1, 2, 4):
            title = f"{job} drained, {processes} process{'es' if processes > 1 else ''} x {threads} threads"
            speed = Row(title, "jobs/s", "higher")
            worker = Row(f"{title}: worker CPU", "µs/job", "lower")
            server = Row(f"{title}: Redis CPU", "µs/job", "lower")
            rows += [speed, worker, server]
            for peer in peers if processes == 1 else peers[:2]:
                for _ in range(bench.repeats):
                    measured = _drained(bench, peer, job, bench.count(round(count * peer.share)), threads, processes)
                    for row, value in zip((speed, worker, server), measured, strict=True):
                        row.samples.setdefault(peer.name, []).append(value)
    return rows


def _drained(
    bench: Bench, peer: Peer, job: str, count: int, threads: int, processes: int
) -> tuple[float, float, float]:
    """(jobs a second, microseconds of worker CPU a job, of Redis CPU a job) from the first job taken to the last."""
    bench.client().flushdb()
    peer.fill(job, count)
    with peer.worker(threads, processes) as process:
        until(lambda: peer.left() < count)
        began, left, cpu, server = time.monotonic(), max(1, peer.left()), cpu_of(process), _server_cpu(bench)
        ended = until(lambda: peer.left() == 0)
        worker_cpu, server_cpu = cpu_of(process) - cpu, _server_cpu(bench) - server
    return left / (ended - began), worker_cpu / left * 1e6, server_cpu / left * 1e6


def _server_cpu(bench: Bench) -> float:
    """CPU seconds of the server so far."""
    used = bench.client().info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def delayed(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """A million delayed jobs: what a worker's memory does, and how late jobs start that fall due meanwhile."""
    memory = Row("worker memory with 1,000,000 jobs delayed: growth", "MB", "lower")
    late = Row("lateness of a due job among them, p99", "ms", "lower")
    peer = peers[0]
    store = peer.client._store  # type: ignore[attr-defined]
    redis = bench.client()
    with peer.worker(threads=4) as process:
        _warm(bench, peer)
        before = _memory(process)
        _delay(store, bench.count(1_000_000))
        redis.delete("bench:latency")
        count = bench.count(300)
        for n in range(count):
            due = 500 + n * 10
            job = store.mint.new("default")
            payload = {"sent": time.monotonic_ns() + due * 1_000_000}
            store.jobs.enqueue([NewJob(id=job, type="stamp", queue="default", payload=payload, delay_ms=due)])
        until(lambda: redis.llen("bench:latency") >= count)
        taken = sorted(int(ns) / 1e6 for ns in redis.lrange("bench:latency", 0, -1))
        memory.samples["jobctl"] = [max(0.01, (_memory(process) - before) / 1e6)]
        late.samples["jobctl"] = [taken[int(len(taken) * 0.99)]]
    redis.flushdb()
    return [memory, late]


def _delay(store: Any, count: int) -> None:
    for _ in range(0, count, 5_000):
        ids = store.mint.many("default", 5_000)
        store.jobs.enqueue([NewJob(id=i, type="noop", queue="default", payload={}, delay_ms=3_600_000) for i in ids])


def _memory(process: psutil.Process) -> int:
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def enqueue(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """Jobs a second from Python, one at a time and in bulk."""
    one, bulk = (
        Row("enqueue from Python, one at a time", "jobs/s", "higher"),
        Row("enqueue in bulk", "jobs/s", "higher"),
    )
    memory = Row("Redis memory of a waiting job", "bytes", "lower")
    for peer in peers:
        peer.send("noop")
        for _ in range(bench.repeats):
            count = bench.count(round(5_000 * max(peer.share, 0.2)))
            one.samples.setdefault(peer.name, []).append(count / _timed(lambda n=count, p=peer: _each(p, n)))
            count = bench.count(50_000) if peer.name == "jobctl" else count
            bench.client().flushdb()
            before = _used(bench)
            bulk.samples.setdefault(peer.name, []).append(count / _timed(lambda n=count, p=peer: p.fill("noop", n)))
            memory.samples.setdefault(peer.name, []).append((_used(bench) - before) / count)
            bench.client().flushdb()
    return [one, bulk, memory]


def _each(peer: Peer, count: int) -> None:
    for _ in range(count):
        peer.send("noop")


def lines(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """NDJSON lines a second through the command line, schema-validated."""
    row = Row("NDJSON through `jobctl enqueue --from FILE`", "jobs/s", "higher")
    count = bench.count(100_000)
    source = Path(bench.folder) / "lines.ndjson"
    source.write_text("".join(json.dumps({"n": n, "to": "a@example.com"}) + "\n" for n in range(count)))
    for _ in range(bench.repeats):
        argv = [sys.executable, "-m", "jobctl", "enqueue", "checked", "--from", str(source), "-q"]
        row.samples.setdefault("jobctl", []).append(count / run_for(bench, argv))
        bench.client().flushdb()
    return [row]


def start(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """One `jobctl enqueue` as a whole process, beside the least that any Redis client in Python can cost."""
    row = Row("one `jobctl enqueue`, the whole process", "ms", "lower")
    ping = f"import redis; redis.Redis.from_url({bench.url!r}).ping()"
    processes = {
        "jobctl": [sys.executable, "-m", "jobctl", "enqueue", "checked", "n=1", "-q"],
        "redis ping": [sys.executable, "-c", ping],
    }
    for argv in processes.values():
        run_for(bench, argv)  # compiles what it imports
    for _ in range(max(5, bench.repeats * 3)):
        for name, argv in processes.items():
            row.samples.setdefault(name, []).append(run_for(bench, argv) * 1000)
    bench.client().flushdb()
    return [row]


def idle(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """What an idle worker with 50 queues costs: commands a second, CPU, connections (of supervisor and process)."""
    peers = peers[:2]
    rows = [
        Row("idle worker: Redis commands", "1/s", "lower"),
        Row("idle worker: CPU", "%", "lower"),
        Row("idle worker: connections", "", "lower"),
    ]
    seconds = max(3.0, 10 * bench.scale)
    redis = bench.client()
    for peer in peers:
        peer.send("noop")  # opens the connections of the benchmark's own client
        others = {client["id"] for client in redis.client_list()}
        with peer.worker(threads=4) as process:
            _warm(bench, peer)
            time.sleep(2.0)  # what a worker does once, when it starts, is over
            before, cpu = redis.info("stats")["total_commands_processed"], cpu_of(process)
            time.sleep(seconds)
            spent = redis.info("stats")["total_commands_processed"] - before - 1
            rows[0].samples.setdefault(peer.name, []).append(spent / seconds)
            rows[1].samples.setdefault(peer.name, []).append((cpu_of(process) - cpu) / seconds * 100)
            opened = {client["id"] for client in redis.client_list()} - others
            rows[2].samples.setdefault(peer.name, []).append(len(opened) - 1.0)  # one is that of the job which ran
    return rows


def isolate(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """How much longer a warm no-op takes in a process of its own."""
    row = Row("a warm job in a process of its own: overhead", "ms", "lower")
    catalog = bench.folder / "jobs.yaml"
    text = catalog.read_text()
    # only here: its warm process would be part of every other worker that is measured
    catalog.write_text(f'{text}  alone: {{python: "benchmarks.tasks:noop", isolate: true}}\n')
    try:
        client = jobctl.connect(catalog, bench.url)
        with peers[0].worker(threads=1):
            _durations(client, "alone", 50)
            for _ in range(bench.repeats):
                alone, plain = (_durations(client, job, bench.count(500)) for job in ("alone", "noop"))
                row.samples.setdefault("jobctl", []).append(
                    (statistics.median(alone) - statistics.median(plain)) * 1000
                )
    finally:
        catalog.write_text(text)
    return [row]


def _durations(client: Client, job: str, count: int) -> list[float]:
    """How long so many attempts took, in seconds, by their records."""
    ids = client.enqueue_many(job, ({} for _ in range(count)))
    until(lambda: client.job(ids[-1]).state == "completed")
    return [client.wait(one, 10).attempts[0].duration_s for one in ids]


def _warm(bench: Bench, peer: Peer) -> None:
    """Wait until the worker has run a job."""
    redis = bench.client()
    redis.delete("bench:latency")
    peer.send("stamp", sent=time.monotonic_ns())
    until(lambda: bool(redis.llen("bench:latency")))


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of a process and its children."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        total += times.user + times.system
    return total


def _used(bench: Bench) -> float:
    return float(bench.client().info("memory")["used_memory"])


def _timed(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def run_for(bench: Bench, argv: list[str]) -> float:
    with LOG.open("ab") as log:
        return _timed(
            lambda: subprocess.run(
                argv, check=True, cwd=bench.folder, env=bench.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        )


ALL = {
    "start": start,
    "enqueue": enqueue,
    "lines": lines,
    "pickup": pickup,
    "drain": drain,
    "delayed": delayed,
    "idle": idle,
    "isolate": isolate,
}
