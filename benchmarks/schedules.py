"""What schedules cost: a page of a long history, a scheduler with many of them, many that are due at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.harness import Bench, Row, until
from benchmarks.measure import cpu_of, run_for
from benchmarks.peers import Peer
from jobctl.store import Store

ROWS = 10_000
"""What the history of a schedule holds at most."""
HEAD = """\
version: 1
namespace: schedules
jobs: {noop: {python: "benchmarks.tasks:noop"}}
schedules:
"""


@contextmanager
def _place(bench: Bench, schedules: str) -> Iterator[Store]:
    """A catalog with schedules; the bench's own catalog is back afterwards."""
    path = bench.folder / "jobs.yaml"
    before = path.read_text()
    path.write_text(HEAD + schedules)
    bench.client().flushdb()
    try:
        yield Store(bench.client(), "schedules")
    finally:
        path.write_text(before)
        bench.client().flushdb()


def history(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """How much longer `schedule history` takes, as a whole process over 1,000,000 ticks, than a command that asks Redis
    for next to nothing."""
    count = bench.count(100)
    names = [f"s{number}" for number in range(count)]
    of = f"first page of `schedule history`, {count} schedules with {ROWS:,} ticks each: "
    rows = [Row(f"{of}one, over `jobctl ps`", "ms", "lower"), Row(f"{of}all, over `jobctl ps`", "ms", "lower")]
    with _place(bench, "".join(f"  {name}: {{job: noop, every: 1s}}\n" for name in names)) as store:
        now = store.processes.now_ms() // 1000 * 1000
        for name in names:
            due = range(now - ROWS * 1000, now, 1000)
            store.schedules.let_pass(name, due, now, "missed", "no scheduler took it in time")
        jobctl = [sys.executable, "-m", "jobctl"]
        plain, one, of_all = [*jobctl, "ps"], [*jobctl, "schedule", "history", "s7"], [*jobctl, "schedule", "history"]
        for argv in (plain, one, of_all):
            run_for(bench, argv)  # compiles what it imports
        for _ in range(max(5, bench.repeats * 3)):
            least = run_for(bench, plain)
            for row, argv in zip(rows, (one, of_all), strict=True):
                row.samples.setdefault("jobctl", []).append((run_for(bench, argv) - least) * 1000)
    return rows


def due(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """A scheduler with 5,000 schedules, of which 1,000 are due at the same second."""
    total, at_once = bench.count(5_000), bench.count(1_000)
    rows = [
        Row(f"scheduler with {total:,} schedules: start-up", "s", "lower"),
        Row("the same: memory", "MB", "lower"),
        Row("the same, idle: CPU", "%", "lower"),
        Row(f"the same: lateness of {at_once:,} ticks of the same second, p99", "ms", "lower"),
    ]
    lines = [f'  s{number}: {{job: noop, cron: "* * * * *"}}\n' for number in range(at_once)]
    lines += [f'  s{number}: {{job: noop, cron: "0 3 1 * *"}}\n' for number in range(at_once, total)]
    with _place(bench, "".join(lines)) as store:
        with bench.process("jobctl", "scheduler"):
            until(lambda: len(store.schedules.announced()) == total)  # compiles what it imports
        bench.client().flushdb()
        with (bench.folder / "jobs.yaml").open("a") as catalog:
            catalog.write("# changed, so that it is read and checked anew\n")
        until(lambda: store.processes.now_ms() % 60_000 < 5_000, every_s=0.5)
        began = time.monotonic()
        with bench.process("jobctl", "scheduler") as process:
            ready = until(lambda: len(store.schedules.announced()) == total)
            rows[0].samples["jobctl"] = [ready - began]
            spent, seconds = cpu_of(process), 20.0 * min(1.0, max(0.25, bench.scale))
            time.sleep(seconds)
            rows[2].samples["jobctl"] = [(cpu_of(process) - spent) / seconds * 100]
            until(lambda: sum(store.ticks.counts([f"s{number}" for number in range(at_once)]).values()) >= at_once)
            rows[1].samples["jobctl"] = [process.memory_info().rss / 1e6]
            late = sorted(row.at - row.due_ms for _, row in store.ticks.newest_first(f"s{n}" for n in range(at_once)))
            rows[3].samples["jobctl"] = [float(late[int(len(late) * 0.99)])]
    return rows


ALL = {"history": history, "due": due}
