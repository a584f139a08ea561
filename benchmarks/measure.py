"""The measurements. Each returns rows with the samples of every peer, taken in turn within one run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks.harness import LOG, Bench, Row, until
from benchmarks.peers import Peer


def pickup(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """Enqueue to start on an idle worker."""
    rows = [Row(f"idle pick-up, {name}", "ms", "lower") for name in ("p50", "p99")]
    redis = bench.client()
    for peer in peers:
        with peer.worker(threads=4):
            _warm(bench, peer)
            for _ in range(bench.repeats):
                redis.delete("bench:latency")
                for sent in range(bench.count(100)):
                    peer.send("stamp", sent=time.monotonic_ns())
                    until(lambda sent=sent: redis.llen("bench:latency") > sent, every_s=0.002)
                    time.sleep(0.02)
                taken = sorted(int(ns) / 1e6 for ns in redis.lrange("bench:latency", 0, -1))
                rows[0].samples.setdefault(peer.name, []).append(taken[len(taken) // 2])
                rows[1].samples.setdefault(peer.name, []).append(taken[int(len(taken) * 0.99)])
    return rows


def drain(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """Jobs a second through one worker process and through two, and what a job costs in CPU."""
    rows = []
    for job, count, threads in (("noop", 30_000, 4), ("incr", 15_000, 8)):
        for processes in (1, 2):
            title = f"{job} drained, {processes} process{'es' if processes > 1 else ''} x {threads} threads"
            speed, cpu = Row(title, "jobs/s", "higher"), Row(f"{title}: worker CPU", "µs/job", "lower")
            rows += [speed, cpu]
            for peer in peers:
                for _ in range(bench.repeats):
                    rate, cost = _drained(peer, job, bench.count(count), threads, processes)
                    speed.samples.setdefault(peer.name, []).append(rate)
                    cpu.samples.setdefault(peer.name, []).append(cost)
    return rows


def _drained(peer: Peer, job: str, count: int, threads: int, processes: int) -> tuple[float, float]:
    if peer.name == "dramatiq":
        count = max(50, count // 10)
    peer.fill(job, count)
    with peer.worker(threads, processes) as process:
        until(lambda: peer.left() < count)
        began, left, cpu = time.monotonic(), peer.left(), _cpu(process)
        ended = until(lambda: peer.left() == 0)
        return left / (ended - began), (_cpu(process) - cpu) / left * 1e6


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
            count = bench.count(5_000)
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
    row = Row("NDJSON through `jobctl enqueue --from`", "jobs/s", "higher")
    count = bench.count(100_000)
    source = Path(bench.folder) / "lines.ndjson"
    source.write_text("".join(json.dumps({"n": n, "to": "a@example.com"}) + "\n" for n in range(count)))
    for _ in range(bench.repeats):
        argv = [sys.executable, "-m", "jobctl", "enqueue", "checked", "--from", str(source), "-q"]
        row.samples.setdefault("jobctl", []).append(count / _run(bench, argv))
        bench.client().flushdb()
    return [row]


def start(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """One `jobctl enqueue` as a whole process, beside the least that any Redis client in Python can cost."""
    row = Row("one `jobctl enqueue`, the whole process", "ms", "lower")
    ping = f"import redis; redis.Redis.from_url({bench.url!r}).ping()"
    for _ in range(max(5, bench.repeats * 3)):
        ours = _run(bench, [sys.executable, "-m", "jobctl", "enqueue", "checked", "n=1", "-q"])
        row.samples.setdefault("jobctl", []).append(ours * 1000)
        row.samples.setdefault("redis ping", []).append(_run(bench, [sys.executable, "-c", ping]) * 1000)
    bench.client().flushdb()
    return [row]


def idle(bench: Bench, peers: Sequence[Peer]) -> list[Row]:
    """What an idle worker costs: commands a second, CPU, connections."""
    rows = [
        Row("idle worker: Redis commands", "1/s", "lower"),
        Row("idle worker: CPU", "%", "lower"),
        Row("idle worker: connections", "", "lower"),
    ]
    seconds = max(3.0, 10 * bench.scale)
    redis = bench.client()
    for peer in peers:
        with peer.worker(threads=4) as process:
            _warm(bench, peer)
            before, cpu = redis.info("stats")["total_commands_processed"], _cpu(process)
            time.sleep(seconds)
            spent = redis.info("stats")["total_commands_processed"] - before - 1
            rows[0].samples.setdefault(peer.name, []).append(spent / seconds)
            rows[1].samples.setdefault(peer.name, []).append((_cpu(process) - cpu) / seconds * 100)
            rows[2].samples.setdefault(peer.name, []).append(redis.info("clients")["connected_clients"] - 1.0)
    return rows


def _warm(bench: Bench, peer: Peer) -> None:
    """Wait until the worker has run a job."""
    redis = bench.client()
    redis.delete("bench:latency")
    peer.send("stamp", sent=time.monotonic_ns())
    until(lambda: bool(redis.llen("bench:latency")))


def _cpu(process: psutil.Process) -> float:
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


def _run(bench: Bench, argv: list[str]) -> float:
    with LOG.open("ab") as log:
        return _timed(
            lambda: subprocess.run(
                argv, check=True, cwd=bench.folder, env=bench.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        )


ALL = {"start": start, "enqueue": enqueue, "lines": lines, "pickup": pickup, "drain": drain, "idle": idle}
