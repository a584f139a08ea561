"""An index that says that it is complete is: whatever way a job came, and wherever it went before anyone took it in."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.codec import Body
from jobctl.store.data.indexed import entries, name_of
from jobctl.store.data.states import STATES
from jobctl.store.nouns import intake, untaken
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.nouns.shown import to_job
from tests.store.moves import QUEUE, Moves

NAME = name_of("act", "n")


def by_index(store: Store, value: str = "7") -> list[str] | None:
    """As whoever asks an index does: what it names is looked at."""
    ids = store.indexes.find([QUEUE], ["act"], "n", [value])
    if ids is None:
        return None
    jobs = store.jobs.locate(QUEUE, ids.get(QUEUE, []))
    return sorted(job.id for job in jobs if _value(to_job(job).payload) == value)


def by_reading(store: Store, value: str = "7") -> list[str]:
    found = {job.id: job for state in STATES for batch in store.jobs.scan(QUEUE, state) for job in batch}
    return sorted(job.id for job in found.values() if _value(to_job(job).payload) == value)


def _value(payload: object) -> str:
    return str(payload.get("n", "")) if isinstance(payload, dict) else ""


def push(store: Store, job_id: str, n: object = 7, message_id: str = "") -> None:
    """As a producer that knows nothing but the layout of Dramatiq's lists."""
    body = codec.encode(Body(QUEUE, "act", [], {"n": n}, {}, message_id or job_id, 0))
    store.client.hset(store.keys.bodies(QUEUE), job_id, body)
    store.client.rpush(store.keys.ready(QUEUE), job_id)


def take_in(store: Store) -> None:
    for _ in intake.take_in(store, QUEUE):
        pass


def complete(store: Store) -> None:
    build = store.indexes.begin(QUEUE, NAME)
    assert store.indexes.end(QUEUE, NAME, build)


def read(store: Store, *jobs: Reserved) -> None:
    """What a worker does with jobs that it has fetched."""
    store.indexes.take_messages(QUEUE, [(job.id, codec.decode_body(job.body)) for job in jobs])


@pytest.fixture
def stock(redis_client: redis.Redis) -> RedisBroker:
    broker = RedisBroker(client=redis_client, namespace="test", middleware=[Retries()], maintenance_chance=0)
    broker.declare_queue(QUEUE)
    return broker


def send(stock: RedisBroker, delay: int | None = None) -> str:
    """The id that the message of a stock producer lies under."""
    sent = stock.enqueue(Message(queue_name=QUEUE, actor_name="act", args=(), kwargs={"n": 7}, options={}), delay=delay)
    return str(sent.options["redis_message_id"])


def test_a_message_that_a_stock_producer_pushed_is_found(stock: RedisBroker, store: Store, moves: Moves) -> None:
    complete(store)
    job_id = send(stock)
    assert by_index(store) == [job_id]
    take_in(store)
    assert by_index(store) == [job_id]
    assert untaken.untaken(store, QUEUE) == []
    [job] = moves.fetch()
    read(store, job)
    moves.complete(job)
    assert by_index(store) == [job_id]


def test_what_a_stock_producer_delayed_is_found_once_it_is_taken_in(stock: RedisBroker, store: Store) -> None:
    complete(store)
    job_id = send(stock, delay=60_000)
    store.stock.take_delayed(QUEUE)
    assert by_index(store) == by_reading(store)
    assert len(by_index(store) or ()) == 1
    assert job_id


def test_what_a_stock_worker_left_dead_is_found_once_it_is_taken_in(stock: RedisBroker, store: Store) -> None:
    complete(store)
    job_id = send(stock)
    consumer = stock.consume(QUEUE, prefetch=1, timeout=100)
    message = next(consumer)
    assert message is not None
    consumer.nack(message)
    consumer.close()
    store.stock.take_dead(QUEUE)
    assert by_index(store) == [job_id]


def test_a_message_that_runs_is_found_before_its_worker_has_taken_it_in(store: Store, moves: Moves) -> None:
    complete(store)
    push(store, "run")
    [job] = moves.fetch()
    assert by_index(store) == ["run"]
    moves.requeue(job, crashed=True)
    assert by_index(store) == ["run"]


def test_too_many_messages_are_read_instead(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(store)
    monkeypatch.setattr(untaken, "MOST", 2)
    for number in range(3):
        push(store, f"m{number}")
    assert by_index(store) is None
    take_in(store)
    assert by_index(store) == ["m0", "m1", "m2"]


def test_many_jobs_of_ones_own_are_not_looked_at(store: Store, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(store)
    monkeypatch.setattr(untaken, "WALKED", 2)
    ids = [store.mint.new(QUEUE) for _ in range(50)]
    for job_id in ids:
        moves.enqueue(job_id, payload={"n": 7}, index=entries("act", ["n"], {"n": 7}))
    assert by_index(store) == ids
    assert untaken.untaken(store, QUEUE) == []


def test_who_takes_in_without_knowing_the_index_leaves_the_job_to_others(store: Store) -> None:
    complete(store)
    push(store, "a")
    store.indexes.add(QUEUE, [untaken.of_payload("a", "act", {"n": 7}, {})])
    assert by_index(store) == ["a"]


class Walk:
    """Everything that can happen to jobs, in any order."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.moves, self.random = store, Moves(store), Random(seed)
        self.held: list[Reserved] = []
        self.pushed = 0
        self.under_way: list[Iterator[None]] = []

    def step(self) -> str:
        name = self.random.choice([name for name in dir(self) if name.startswith("do_")])
        getattr(self, name)()
        return name

    def _ids(self, *states: str) -> list[str]:
        found = [job.id for state in states for batch in self.store.jobs.scan(QUEUE, state) for job in batch]
        return self.random.sample(found, min(len(found), self.random.randint(1, 2)))

    def _n(self) -> int:
        return self.random.choice([7, 7, 8])

    def do_push(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.pushed += 1
            push(self.store, f"stock-{self.pushed}", self._n())

    def do_enqueue(self) -> None:
        payload = {"n": self._n()}
        index = entries("act", ["n"], payload) if self.random.random() < 0.7 else ()
        ids = [self.store.mint.new(QUEUE) for _ in range(self.random.randint(1, 3))]
        self.moves.enqueue(*ids, payload=payload, index=index, delay_ms=self.random.choice([None, None, 60_000]))

    def do_enqueue_by_name(self) -> None:
        payload = {"n": self._n()}
        name = self.random.choice(["one", "two", f"stock-{self.random.randint(0, self.pushed)}"])
        self.moves.enqueue(name, payload=payload, index=entries("act", ["n"], payload))

    def do_fetch(self) -> None:
        self.held += self.moves.fetch(self.random.randint(1, 3))

    def _one(self, *, taken_in: bool = True) -> Reserved | None:
        if not self.held:
            return None
        job = self.held.pop(self.random.randrange(len(self.held)))
        if taken_in:
            read(self.store, job)
        return job

    def do_complete(self) -> None:
        if job := self._one():
            self.moves.complete(job)

    def do_retry(self) -> None:
        if job := self._one():
            self.moves.retry(job)

    def do_retry_with_another_payload(self) -> None:
        if job := self._one():
            body = codec.encode(Body(QUEUE, "act", [], {"n": self._n()}, {}, job.id, 0))
            [_] = self.store.settle.write([self.store.settle.retry(QUEUE, [Ended(job.id, job.token, body=body)])])

    def do_bury(self) -> None:
        if job := self._one():
            self.moves.bury(job)

    def do_crash(self) -> None:
        if job := self._one(taken_in=False):
            self.moves.requeue(job, crashed=self.random.random() < 0.5)

    def do_cancel(self) -> None:
        self.moves.cancel(*self._ids("waiting", "delayed", "retrying"), running=False)

    def do_revive(self) -> None:
        self.store.jobs.revive(QUEUE, [(i, "") for i in self._ids("cancelled")])
        self.store.jobs.revive(QUEUE, [(i, "g1") for i in self._ids("dead")])

    def do_promote(self) -> None:
        self.store.jobs.promote(QUEUE, self._ids("delayed", "retrying"))

    def do_reprioritise(self) -> None:
        self.store.jobs.reprioritise(QUEUE, self._ids("waiting"), self.random.choice([0, 0, 10]))

    def do_empty(self) -> None:
        if self.random.random() < 0.3:
            self.store.queues.empty(QUEUE)
        else:
            self.store.queues.trash(QUEUE, self._ids("waiting"))

    def do_restore(self) -> None:
        jobs = self.store.jobs.locate(QUEUE, self._ids("discarded"))
        self.store.dead.restore(QUEUE, jobs)

    def do_remove(self) -> None:
        self.store.jobs.remove(QUEUE, self._ids("completed", "cancelled"))

    def do_take_in(self) -> None:
        """Several processes do, and may be killed in the middle."""
        self.under_way.append(intake.take_in(self.store, QUEUE))
        if self.random.random() < 0.5:
            for _ in self.under_way.pop(self.random.randrange(len(self.under_way))):
                pass
        elif self.random.random() < 0.5:
            next(self.under_way[-1], None)

    def do_go_on(self) -> None:
        for _ in self.under_way.pop() if self.under_way else ():
            pass


@pytest.mark.parametrize("seed", [*range(10), 80])
def test_an_index_has_all_that_reading_finds(store: Store, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(untaken, "PAGE", 2)
    complete(store)
    walk, done = Walk(store, seed), list[str]()
    for _ in range(150):
        done.append(walk.step())
        for value in ("7", "8"):
            assert by_index(store, value) == by_reading(store, value), done[-12:]
