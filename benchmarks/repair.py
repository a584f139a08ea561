"""Finding and repairing among many: a job by an indexed value, counts by a value, a retry by its error; what indexes
cost.

What Redis does for it is given as CPU of the server too, which a busy machine disturbs less than the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from benchmarks.harness import Bench, Row
from benchmarks.peers import Peer
from jobctl.ops import dead, jobs
from jobctl.ops.bulk.plan import plan
from jobctl.ops.bulk.selection import choose
from jobctl.ops.filters.filter import parse
from jobctl.ops.sources import Looked
from jobctl.store import Store
from jobctl.store.data import attempts, codec
from jobctl.store.data.indexed import entries
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.settle import Ended

QUEUE, TYPE = "default", "charge"
GROUPS, TENANTS, ATTEMPTS = 200, 200, 4
TRACE = (
    "Traceback (most recent call last):\n"
    + '  File "shop/tasks.py", line 12, in charge\n    pay()\n' * 28
    + "Boom: no\n"
)
"""1.5 KB, the same for all letters of a group."""
KEYS = ("order", "tenant")


def repair(bench: Bench, _peers: Sequence[Peer]) -> list[Row]:
    """All of it, in one namespace that fills up."""
    count, store = bench.count(1_000_000), Store(bench.client(), "repair")
    rows = _enqueue(bench, store, count)
    bench.client().flushdb()
    before = bench.client().info("memory")["used_memory"]
    for _ in _jobs(store, count, KEYS):
        pass
    _bury(store)
    each = (bench.client().info("memory")["used_memory"] - before) / count
    rows.append(Row("memory of a dead letter: 300 bytes, 4 tracebacks of 1.5 KB, 2 indexed keys", "bytes", "lower"))
    rows[-1].samples["jobctl"] = [each]
    of = f"{count:,} dead letters: "
    rows += _timed(bench, f"{of}a job by an indexed value", lambda at: _one(store, f"args.order={at}"))
    rows += _timed(bench, f"{of}--by args.tenant, counted by the index", lambda _: _by(store, f"job:{TYPE}"))
    rows += _timed(bench, f"{of}--by args.tenant, read", lambda _: _by(store, "args.tenant~t"))
    rows += _timed(
        bench, f"{of}groups", lambda _: dead.groups(store, choose(store, None, ["state:dead"], states=("dead",)))
    )
    rows += _timed(bench, f"{of}a retry by error~ planned, of which 1 in 7 matches", lambda _: _planned(store))
    return rows


def _enqueue(bench: Bench, store: Store, count: int) -> list[Row]:
    """What two indexed keys cost in bulk, beside none."""
    time_row = Row("enqueue in bulk: two indexed keys, of plain", "%", "higher")
    cpu_row = Row("the same: Redis CPU", "µs/job", "lower")
    for _ in range(bench.repeats):
        took, cpu = [], 0.0
        for keys in ((), KEYS):
            bench.client().flushdb()
            began, cpu = time.perf_counter(), server_cpu(bench)
            for _ in _jobs(store, count // 5, keys):
                pass
            took.append(time.perf_counter() - began)
            cpu = server_cpu(bench) - cpu
        time_row.samples.setdefault("jobctl", []).append(100 * took[0] / took[1])
        cpu_row.samples.setdefault("jobctl", []).append(cpu / (count // 5) * 1e6)
    return [time_row, cpu_row]


def _jobs(store: Store, count: int, keys: Sequence[str]) -> Iterator[None]:
    """Enqueues jobs of 300 bytes, 1,000 a step."""
    numbers = iter(range(count))
    while some := list(islice(numbers, 1_000)):
        minted = store.mint.many(QUEUE, len(some))
        payloads = [{"order": n, "tenant": f"t{n % TENANTS}", "note": "x" * 100} for n in some]
        store.jobs.enqueue(
            [
                NewJob(id=job_id, type=TYPE, queue=QUEUE, payload=payload, index=entries(TYPE, keys, payload))
                for job_id, payload in zip(minted, payloads, strict=True)
            ]
        )
        yield


def _bury(store: Store) -> None:
    """Lets all that waits fail four times."""
    for attempt in range(1, ATTEMPTS):
        lived = attempts.encode(attempts.Lived(attempt, "failed", "web-1", 1, 1, 0.1, "Boom", "no", TRACE))
        retried: list[str] = []
        while fetched := store.settle.fetch("w", [QUEUE], 500).jobs:
            ended = [Ended(job.id, job.token, b"{}", b"", *lived, delay_ms=86_400_000) for job in fetched]
            store.settle.write([store.settle.retry(QUEUE, ended)])
            retried += [job.id for job in fetched]
        store.jobs.promote(QUEUE, retried)
    number = 0
    while fetched := store.settle.fetch("w", [QUEUE], 500).jobs:
        ended = []
        for job in fetched:
            group, number = f"{number % GROUPS:08x}", number + 1
            message = f"timed out after {number % 7} tries"
            record = codec.Record(ATTEMPTS, ATTEMPTS, "Boom", message, group, TYPE, finished=1)
            lived = attempts.encode(attempts.Lived(ATTEMPTS, "failed", "web-1", 1, 1, 0.1, "Boom", message, TRACE))
            info = msgspec.json.encode(GroupInfo(TYPE, "Boom", message))
            ended.append(Ended(job.id, job.token, codec.encode(record), b"", *lived, group=group, group_info=info))
        store.settle.write([store.settle.bury(QUEUE, ended)])


def server_cpu(bench: Bench) -> float:
    """CPU seconds of the server so far."""
    used = bench.client().info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def _one(store: Store, words: str) -> None:
    assert len(list(jobs.list_jobs(store, parse([f"job:{TYPE}", words]), 50))) == 1


def _by(store: Store, words: str) -> None:
    selection = choose(store, None, [words], states=("dead",))
    assert len(dead.count(store, selection, "args.tenant", stock=False, looked=Looked()).rows) == TENANTS


def _planned(store: Store) -> None:
    assert plan(store, choose(store, None, ['error~"after 3"'], states=("dead",)), by_index=False).matched > 0


def _timed(bench: Bench, what: str, run: Callable[[int], object]) -> list[Row]:
    """How long it takes in a process that runs already, and what Redis does for it."""
    rows = [Row(what, "ms", "lower"), Row("the same: Redis CPU", "ms", "lower")]
    for number in range(bench.repeats + 1):
        began, cpu = time.perf_counter(), server_cpu(bench)
        run(number)
        spent = ((time.perf_counter() - began) * 1000, (server_cpu(bench) - cpu) * 1000)
        for row, value in zip(rows, spent, strict=True):
            if number:  # the first run loads what it needs
                row.samples.setdefault("jobctl", []).append(value)
    return rows


ALL = {"repair": repair}
