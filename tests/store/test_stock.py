"""What the real stock Dramatiq wrote: taken in, found by its own id, and listed with no catalog."""

from __future__ import annotations

import pytest
import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.wire import steps
from tests.store.moves import QUEUE, Moves


@pytest.fixture
def stock(redis_client: redis.Redis) -> RedisBroker:
    broker = RedisBroker(client=redis_client, namespace="test", middleware=[Retries()], maintenance_chance=0)
    broker.declare_queue(QUEUE)
    return broker


def send(stock: RedisBroker, *, delay: int | None = None, queue: str = QUEUE, **options: object) -> tuple[str, str]:
    """Enqueue as a stock producer does; returns the message's own id and the one it lies under."""
    message: Message[None] = Message(
        queue_name=queue, actor_name="act", args=(1, 2), kwargs={"k": "v"}, options=dict(options)
    )
    sent = stock.enqueue(message, delay=delay)
    return sent.message_id, sent.options["redis_message_id"]


def die(stock: RedisBroker, queue: str = QUEUE, **options: object) -> str:
    """Let a stock worker fail a message for good; returns the id it lies under."""
    _, job_id = send(stock, queue=queue, **options)
    consumer = stock.consume(queue, prefetch=1, timeout=100)
    message = next(consumer)
    assert message is not None
    consumer.nack(message)
    consumer.close()
    return job_id


def test_a_stock_message_is_fetched_as_it_is(stock: RedisBroker, moves: Moves) -> None:
    message_id, job_id = send(stock)
    (job,) = moves.fetch()
    body = codec.decode_body(job.body)
    assert (job.id, body.message_id) == (job_id, message_id)
    assert body.payload == {"$args": [1, 2], "k": "v"}


def test_what_a_stock_producer_delayed_is_taken_in_once(stock: RedisBroker, moves: Moves, store: Store) -> None:
    ids = [send(stock, delay=60_000)[1] for _ in range(450)]
    assert [tuple(store.stock.take_delayed(QUEUE)) for _ in range(4)] == [
        (200, 0, True), (200, 0, True), (50, 0, False), (0, 0, False)
    ]  # fmt: skip
    assert {moves.state(i) for i in ids} == {"delayed"}
    assert not store.client.exists(store.keys.stock_delayed(QUEUE), store.keys.stock_delayed_bodies(QUEUE))


def test_a_delayed_stock_message_keeps_its_time_and_its_queue(stock: RedisBroker, moves: Moves, store: Store) -> None:
    before = store.processes.now_ms()
    _, job_id = send(stock, delay=60_000)
    store.stock.take_delayed(QUEUE)
    due = store.client.zscore(store.keys.delayed(QUEUE), job_id)
    assert before + 59_000 <= due <= before + 62_000
    store.jobs.promote(QUEUE, [job_id])
    (job,) = moves.fetch()
    assert codec.canonical(codec.decode_body(job.body).queue_name) == QUEUE


def test_a_delayed_message_without_a_body_or_with_rubbish_for_one_stops_nothing(
    stock: RedisBroker, moves: Moves, store: Store
) -> None:
    store.client.rpush(store.keys.stock_delayed(QUEUE), "nobody", "rubbish")
    store.client.hset(store.keys.stock_delayed_bodies(QUEUE), "rubbish", b"\xff")
    _, job_id = send(stock, delay=60_000)
    assert store.stock.take_delayed(QUEUE).taken == 2
    assert moves.state(job_id) == "delayed"
    assert moves.fetch_ids(5) == ["rubbish"]


def test_what_a_stock_worker_left_dead_is_taken_in_with_its_reason(
    stock: RedisBroker, moves: Moves, store: Store
) -> None:
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nmyapp.errors.Boom: it broke'
    job_id = die(stock, traceback=trace, retries=3)
    assert store.stock.take_dead(QUEUE).taken == 1
    (found,) = store.jobs.locate(QUEUE, [job_id])
    assert (found.state, found.record.error, found.record.message) == ("dead", "Boom", "it broke")
    assert not store.client.exists(store.keys.stock_dead(QUEUE), store.keys.stock_dead_bodies(QUEUE))


def test_a_stock_dead_letter_that_is_retried_starts_anew(stock: RedisBroker, moves: Moves, store: Store) -> None:
    job_id = die(stock, traceback="E: x", retries=3)
    store.stock.take_dead(QUEUE)
    (found,) = store.jobs.locate(QUEUE, [job_id])
    assert store.jobs.revive(QUEUE, [(job_id, found.record.group or "")]) == [True]
    consumer = stock.consume(QUEUE, prefetch=1, timeout=100)
    message = next(consumer)
    assert message is not None
    assert not {"retries", "traceback"} & message.options.keys()
    consumer.ack(message)
    consumer.close()


def test_many_dead_at_once_and_some_that_cannot_be_read(stock: RedisBroker, moves: Moves, store: Store) -> None:
    for i in range(430):
        store.client.zadd(store.keys.stock_dead(QUEUE), {f"x{i}": 1000 + i})
        store.client.hset(store.keys.stock_dead_bodies(QUEUE), f"x{i}", b"rubbish")
    assert [store.stock.take_dead(QUEUE).taken for _ in range(3)] == [200, 200, 30]
    assert [group.count for group in store.dead.groups(QUEUE)] == [430]


def test_a_dead_message_whose_job_is_known_only_leaves_the_inbox(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    moves.complete(*moves.fetch())
    store.client.zadd(store.keys.stock_dead(QUEUE), {"a": 1000})
    assert store.stock.take_dead(QUEUE).taken == 0
    assert moves.state("a") == "completed"
    assert not store.client.exists(store.keys.stock_dead(QUEUE))


def test_a_dead_message_whose_id_is_not_text_can_be_named(moves: Moves, store: Store) -> None:
    store.client.zadd(store.keys.stock_dead(QUEUE), {b"\xff": 1000})
    assert store.stock.take_dead(QUEUE).taken == 1
    assert moves.state("xff") == "dead"


def test_a_message_is_found_by_its_own_id_once_it_was_taken_in(stock: RedisBroker, store: Store) -> None:
    message_id, job_id = send(stock, delay=60_000)
    store.stock.take_delayed(QUEUE)
    found = store.jobs.find(message_id)
    assert found is not None
    assert found.id == job_id


def test_a_message_is_found_by_its_own_id_for_as_long_as_its_job_is_there(
    stock: RedisBroker, moves: Moves, store: Store
) -> None:
    message_id, job_id = send(stock, delay=60_000)
    store.stock.take_delayed(QUEUE)
    keys = store.keys
    assert store.client.ttl(keys.aliases(QUEUE)) == store.client.ttl(keys.messages(QUEUE)) == -1
    store.jobs.cancel(QUEUE, [(job_id, b"", "")], running=False)
    assert store.jobs.find(message_id) is not None
    store.jobs.remove(QUEUE, [job_id])
    assert store.jobs.find(message_id) is None
    assert not store.client.exists(keys.aliases(QUEUE), keys.messages(QUEUE))


def test_of_two_jobs_of_a_message_the_later_is_found_and_the_end_of_the_other_changes_that_not(
    moves: Moves, store: Store
) -> None:
    moves.enqueue("a", "b")
    for job_id in ("a", "b"):
        steps.each(store, store.jobs.alias(QUEUE, [(job_id, "message")]))
        store.jobs.cancel(QUEUE, [(job_id, b"", "")], running=False)
    store.jobs.remove(QUEUE, ["a"])
    found = store.jobs.find("message")
    assert found is not None
    assert found.id == "b"


def test_an_alias_of_a_job_that_is_gone_is_not_kept(moves: Moves, store: Store) -> None:
    steps.each(store, store.jobs.alias(QUEUE, [("gone", "message")]))
    assert not store.client.exists(store.keys.aliases(QUEUE), store.keys.messages(QUEUE))


def test_a_dead_message_is_found_by_its_own_id(stock: RedisBroker, store: Store) -> None:
    job_id = die(stock)
    message_id = codec.decode_body(store.client.hget(store.keys.stock_dead_bodies(QUEUE), job_id)).message_id
    store.stock.take_dead(QUEUE)
    found = store.jobs.find(message_id)
    assert found is not None
    assert found.id == job_id


def test_the_depth_of_a_stock_deployment(stock: RedisBroker, store: Store) -> None:
    die(stock)
    for _ in range(3):
        send(stock)
    send(stock, delay=60_000)
    consumer = stock.consume(QUEUE, prefetch=1, timeout=100)
    assert next(consumer) is not None
    (row,) = store.queues.depth([QUEUE])
    assert (row.waiting, row.delayed, row.retrying, row.running, row.dead) == (2, 1, None, 1, 1)
    consumer.close()


def test_stock_queues_are_found_without_a_catalog(stock: RedisBroker, store: Store) -> None:
    send(stock, queue="mail")
    die(stock, queue="old.one")
    send(stock, queue="slow", delay=60_000)
    assert store.queues.names() == ["mail", "old.one", "slow"]


def test_stock_queues_are_found_beside_registered_ones(stock: RedisBroker, moves: Moves, store: Store) -> None:
    send(stock, queue="mail")
    moves.enqueue("a")
    assert store.queues.names() == ["mail", QUEUE]
    assert store.queues.registered() == [QUEUE]


def test_the_search_for_stock_queues_is_made_once_a_minute(stock: RedisBroker, store: Store) -> None:
    store.queues.register([QUEUE])
    assert store.queues.names() == [QUEUE]
    send(stock, queue="mail")
    assert store.queues.names() == [QUEUE]
    assert 0 < store.client.ttl(store.keys.scanned()) <= 60
    store.client.delete(store.keys.scanned())
    assert store.queues.names() == ["mail", QUEUE]


def test_a_deployment_that_is_only_looked_at_is_not_written_to(stock: RedisBroker, store: Store) -> None:
    send(stock, queue="mail")
    before = sorted(store.client.keys())
    assert store.queues.names() == ["mail"]
    assert sorted(store.client.keys()) == before


def test_a_reader_that_may_not_write_still_finds_stock_queues(stock: RedisBroker, store: Store) -> None:
    send(stock, queue="mail")
    store.client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], commands=["+@read", "+ping"])
    path = store.client.connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path, username="reader", password="x") as reader:
        assert Store(reader, "test").queues.names() == ["mail"]
    store.client.acl_deluser("reader")


@pytest.mark.inconsistent  # the keys are another system's
def test_stock_queues_are_found_among_many_keys_of_others(stock: RedisBroker, store: Store) -> None:
    names = [f"mail{number:02}" for number in range(20)]
    for name in names:
        send(stock, queue=name)
    some = "for i = 1, 10000 do redis.call('set', 'theirs:' .. ARGV[1] .. ':' .. i, '') end"
    for part in range(40):
        store.client.eval(some, 0, part)  # type: ignore[no-untyped-call]
    assert store.queues.names() == names
