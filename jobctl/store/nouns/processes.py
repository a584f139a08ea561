"""Supervisors and schedulers: who is alive, judged on Redis's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.data.blocked import BlockedLoop
from jobctl.store.data.records import ProcessRow
from jobctl.store.nouns.ends import note_end
from jobctl.store.wire import layout as layouts
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

SHOWN = 5
"""How many jobs past their time limits a process names; beyond that it gives only the number."""
LEASE_MS = 15_000
"""A process that has not beaten for this long is lost."""


class Hanging(msgspec.Struct, frozen=True, array_like=True):
    """A job that continues past its time limit, since `since_ms` (epoch ms)."""

    queue: str
    job_id: str
    since_ms: int


class Blocked(msgspec.Struct, frozen=True, array_like=True):
    """What blocks a process's event loop, since `since_ms` (epoch ms): a job ("" for none), at a line `where`."""

    queue: str
    job_id: str
    where: str
    since_ms: int


class ChildInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process as its supervisor sees it. Its leases are kept alive by the supervisor's beat.

    `hanging` counts the threads that continue past their job's time limit; `hanging_jobs` are the first few of these.
    """

    name: str
    pid: int
    running: int
    memory_mb: float
    hanging: int = 0
    hanging_jobs: tuple[Hanging, ...] = ()
    on_loop: int = 0
    """How many of the running jobs run on the event loop."""
    blocked: Blocked | None = None
    loop_lag_s: float = 0.0
    """How late the event loop answers; of a blocked one, for how long it has not answered."""
    executing: dict[str, int] = {}
    """Of each queue with some, how many jobs execute."""


class Death(msgspec.Struct, frozen=True, array_like=True):
    """A worker process that ended without being asked to. `jobs` executed in it then; `outside` says that something
    outside killed it by SIGKILL: most likely the kernel, for memory."""

    at_ms: int
    how: str
    jobs: tuple[str, ...]
    memory_mb: float
    outside: bool


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A live supervisor or scheduler, as it says of itself with each beat.

    `name` is "host:pid:random". `processes` is what was asked for, `children` who lives now. `running` is the
    number of jobs that execute at this moment, in all children; `memory_mb` is everything together.
    """

    name: str
    kind: str  # worker | scheduler
    host: str
    pid: int
    queues: tuple[str, ...]
    processes: int
    threads: int
    started_ms: int
    memory_mb: float = 0.0
    running: int = 0
    async_jobs: int = 0
    """Loop slots a process."""
    children: tuple[ChildInfo, ...] = ()
    state: str = "running"
    """running, quiet (it takes no more jobs) or stopping."""
    deaths: tuple[Death, ...] = ()
    """The latest."""
    cores: int = 0
    """Processors that it may use; 0 if it does not say."""
    layout: int = layouts.FIRST
    """The layout that the process works with; `beat` fills it in. Processes of layout 1 do not tell."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What operators want of a worker: that it takes no more jobs, that it ends, how many threads and loop slots its
    processes have (None: as it was started)."""

    quiet: bool = False
    stop: bool = False
    threads: int | None = None
    async_jobs: int | None = None


class Beat(NamedTuple):
    """What Redis answers a heartbeat: its clock in epoch ms, what is wanted of the process, and how many operations are
    to be carried on."""

    now_ms: int
    orders: Orders
    operating: int


_decoder = msgspec.json.Decoder(ProcessInfo)
_ORDERS = Orders.__struct_fields__


class Processes:
    """The live processes of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def now_ms(self) -> int:
        """Redis's clock, in epoch ms."""
        with mapping():
            seconds, micros = self._store.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def beat(self, state: ProcessInfo) -> Beat:
        """Say that a process is alive, and hear what is wanted of it."""
        told = msgspec.structs.replace(state, layout=layouts.LAYOUT)
        now, operating, *values = self._store.run("beat", (), state.name, msgspec.json.encode(told), *_ORDERS)
        return Beat(int(now), _orders(values), int(operating))

    def order(self, name: str, **wanted: bool | int | None) -> bool:
        """Tell a process what is wanted of it, by the fields of `Orders`; it hears of it with its next heartbeat. None
        and False take an order back. Returns False if the process is gone."""
        rows = [(order, "" if value is None or value is False else str(int(value))) for order, value in wanted.items()]
        return bool(self._store.run("order", (), name, *chain.from_iterable(rows)))

    def leave(self, name: str, how: str = "drained") -> None:
        """Take a process that ended off the list. Of a worker it is noted how it ended: drained or lost."""
        with mapping():
            raw = self._store.client.hget(self._store.keys.processes(), name)
            pipe = self._store.client.pipeline(transaction=False)
            pipe.zrem(self._store.keys.beats(), name)
            pipe.hdel(self._store.keys.processes(), name)
            pipe.hdel(self._store.keys.catalogs(), name)
            pipe.hdel(self._store.keys.orders(), *(f"{name}|{order}" for order in _ORDERS))
            pipe.execute()
        if raw is not None and b'"kind":"worker"' in raw:
            note_end(self._store, how, name, self.now_ms())

    def cores(self) -> dict[str, int]:
        """Of each live worker that says it: how many processors it may use."""
        return {state.name: state.cores for state, _ in self._live() if state.cores and state.kind == "worker"}

    def marks(self) -> dict[str, int]:
        """For each process that has not left, when it beat last, on Redis's clock."""
        with mapping():
            rows = self._store.client.zrange(self._store.keys.beats(), 0, -1, withscores=True)
        return {name.decode(): int(at) for name, at in rows}

    def beats(self) -> dict[str, int]:
        """For each process that has not left, the age of its last beat in ms."""
        marks, now = self.marks(), self.now_ms()
        return {name: now - at for name, at in marks.items()}

    def ls(self) -> list[ProcessRow]:
        """The live processes, workers first."""
        rows = [_row(state, age) for state, age in self._live()]
        return sorted(rows, key=lambda row: (row.kind != "worker", row.name))

    def _live(self) -> Iterator[tuple[ProcessInfo, int]]:
        """What the live processes said of themselves, and how long ago (ms)."""
        ages = self.beats()
        with mapping():
            states = self._store.client.hgetall(self._store.keys.processes())
        for name, data in states.items():
            age = ages.get(name.decode())
            if age is not None and age < LEASE_MS:
                with suppress(ValueError):  # what another version wrote must not hide the others
                    yield _decoder.decode(data), age

    def deaths(self) -> dict[str, tuple[Death, ...]]:
        """Of each live supervisor with some, the latest deaths of its worker processes."""
        return {state.name: state.deaths for state, _ in self._live() if state.deaths}

    def children(self) -> set[str]:
        """The names of all worker processes that supervisors, alive or not, have last said they have."""
        with mapping():
            states = self._store.client.hvals(self._store.keys.processes())
        return {child.name for data in states for child in _decoder.decode(data).children}

    def serving(self) -> dict[str, int]:
        """For each queue, how many worker processes take its jobs now; those of quiet and stopping workers do not."""
        out: dict[str, int] = {}
        for row in self.ls():
            if row.kind == "worker" and row.state == "running":
                for queue in row.queues:
                    out[queue] = out.get(queue, 0) + row.processes
        return out

    def executing(self) -> dict[str, int]:
        """How many jobs of each queue executed when the live processes last beat."""
        out: Counter[str] = Counter()
        for state, _ in self._live():
            for child in state.children:
                out.update(child.executing)
        return dict(out)

    def hanging(self) -> dict[ids.JobRef, int]:
        """Jobs that continue past their time limit, and since when (epoch ms): the first few of each worker process."""
        children = (child for state, _ in self._live() for child in state.children)
        return {ids.JobRef(one.queue, one.job_id): one.since_ms for child in children for one in child.hanging_jobs}

    def anything_held(self, queues: Sequence[str]) -> bool:
        """Whether a job of one of the queues is reserved by anyone: one command, where nothing is."""
        with mapping():
            return bool(queues) and bool(self._store.client.exists(*(self._store.keys.running(q) for q in queues)))

    def reservations(self, queue: str) -> dict[str, tuple[str, str]]:
        """The reserved jobs of a queue: id → (token, worker)."""
        with mapping():
            rows = self._store.client.hgetall(self._store.keys.running(queue))
        out = {}
        for job_id, value in rows.items():
            token, worker, _ = value.decode().split("|", 2)
            out[ids.read(job_id)] = (token, worker)
        return out


def _orders(values: Sequence[bytes | None]) -> Orders:
    said = {name: int(value) for name, value in zip(_ORDERS, values, strict=True) if value}
    return Orders(
        quiet=bool(said.get("quiet")),
        stop=bool(said.get("stop")),
        threads=said.get("threads"),
        async_jobs=said.get("async_jobs"),
    )


def blocked_loop(told: Blocked) -> BlockedLoop:
    """The record of a blocked event loop."""
    known = told.job_id != "-"
    return BlockedLoop(
        job=told.job_id if known else None,
        queue=told.queue if known else None,
        where=told.where,
        since=clock.to_datetime(told.since_ms),
    )


def _row(state: ProcessInfo, age_ms: int) -> ProcessRow:
    late = sorted((one for child in state.children for one in child.hanging_jobs), key=lambda one: one.since_ms)
    return ProcessRow(
        name=state.name,
        kind=state.kind,
        host=state.host,
        pid=state.pid,
        queues=state.queues,
        processes=state.processes,
        threads=state.threads,
        running=state.running,
        async_jobs=state.async_jobs,
        on_loop=sum(child.on_loop for child in state.children),
        memory_mb=round(state.memory_mb, 1),
        started_at=clock.to_datetime(state.started_ms),
        beat_s=round(max(0, age_ms) / 1000, 1),
        loop_lag_s=max((child.loop_lag_s for child in state.children), default=0.0),
        state=state.state,
        blocked=tuple(blocked_loop(child.blocked) for child in state.children if child.blocked is not None),
        hanging=sum(child.hanging for child in state.children),
        hanging_since=clock.to_datetime(late[0].since_ms) if late else None,
        hanging_jobs=tuple(one.job_id for one in late[:SHOWN]),
    )
