"""A stock dramatiq.Worker on JobctlBroker keeps jobctl's promises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, Retries, SkipMessage
from dramatiq.worker import Worker

from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import Catalog, JobType, Keep, Queue
from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.engine.dramatiq.holding import HeldMessage
from jobctl.engine.dramatiq.middleware.retries import Retries as OurRetries
from jobctl.engine.dramatiq.presence import Presence
from jobctl.engine.liveness.chores import Chores
from jobctl.engine.liveness.liveness import StoreLiveness
from jobctl.errors import RedisUnavailable
from jobctl.store.data.codec import Body, encode
from jobctl.store.data.found import Found
from tests.support import PATIENCE_S, eventually

Start = Callable[..., Worker]


@pytest.fixture
def broker(redis_client: redis.Redis) -> Iterator[JobctlBroker]:
    broker = JobctlBroker(client=redis_client)
    yield broker
    broker.close()


@pytest.fixture
def start() -> Iterator[Start]:
    workers: list[Worker] = []

    def begin(broker: JobctlBroker, **options: Any) -> Worker:
        worker = Worker(broker, **{"worker_timeout": 50, "worker_threads": 2} | options)
        worker.start()
        workers.append(worker)
        return worker

    yield begin
    for worker in workers:
        worker.stop()


def found(broker: JobctlBroker, message: Any) -> Found:
    job = broker.store.jobs.find(message.message_id)
    assert job is not None
    return broker.store.jobs.detailed(job)


def state(broker: JobctlBroker, message: Any) -> str:
    return found(broker, message).state


def test_a_dead_letter_has_its_reason_and_every_attempt(broker: JobctlBroker, start: Start) -> None:
    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=1, max_backoff=1)
    def fail() -> None:
        raise ValueError("no good")

    message = fail.send()
    start(broker)
    eventually(lambda: state(broker, message) == "dead")
    job = found(broker, message)
    record = job.record
    assert [a.outcome for a in job.attempts] == ["failed"] * 3
    assert (record.error, record.message, record.retries) == ("ValueError", "no good", 2)


def test_a_dead_letter_that_is_retried_has_its_whole_budget_again(broker: JobctlBroker, start: Start) -> None:
    runs = []

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=1, max_backoff=1)
    def fail() -> None:
        runs.append(1)
        raise ValueError

    message = fail.send()
    start(broker)
    eventually(lambda: state(broker, message) == "dead")
    job = found(broker, message)
    broker.store.jobs.revive("default", [(job.id, job.record.group or "")])
    eventually(lambda: len(runs) == 4)
    eventually(lambda: state(broker, message) == "dead")


def test_stock_retries_are_replaced_by_ours_with_their_settings(redis_client: redis.Redis) -> None:
    broker = JobctlBroker(client=redis_client, middleware=[Retries(max_retries=7, min_backoff=11)])
    (retries,) = broker.middleware
    assert isinstance(retries, OurRetries)
    assert (retries.max_retries, retries.min_backoff) == (7, 11)


def test_a_failure_on_the_way_to_the_retry_makes_a_dead_letter(broker: JobctlBroker, start: Start) -> None:
    @dramatiq.actor(broker=broker, max_retries="3")
    def fail() -> None:
        raise ValueError("no good")

    message = fail.send()
    start(broker)
    eventually(lambda: state(broker, message) == "dead")
    assert found(broker, message).record.error == "ValueError"


def test_what_failed_is_never_completed_even_without_retries(redis_client: redis.Redis, start: Start) -> None:
    broker = JobctlBroker(client=redis_client, middleware=[])

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise ValueError

    message = fail.send()
    start(broker)
    eventually(lambda: state(broker, message) == "dead")


def test_a_middleware_that_enqueues_the_message_anew_puts_the_same_job_off(broker: JobctlBroker, start: Start) -> None:
    class NotYet(Middleware):
        seen = 0

        def before_process_message(self, broker: Any, message: Any) -> None:
            self.seen += 1
            if self.seen == 1:
                message.options["asked"] = True
                broker.enqueue(message, delay=1)
                raise SkipMessage("not yet")

    options = []

    class Look(Middleware):
        def after_process_message(self, _broker: Any, message: Any, **_: Any) -> None:
            options.append(message.options.get("asked"))

    broker.add_middleware(NotYet())
    broker.add_middleware(Look())

    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    message = act.send()
    start(broker)
    eventually(lambda: state(broker, message) == "completed")
    assert found(broker, message).record.count == 1
    assert options == [True]


def test_a_stock_producers_messages_are_run_also_delayed_ones(
    broker: JobctlBroker, redis_client: redis.Redis, start: Start
) -> None:
    ran = []

    @dramatiq.actor(broker=broker)
    def act(x: int) -> None:
        ran.append(x)

    stock = RedisBroker(client=redis_client)
    start(broker)
    for x, delay in ((1, None), (2, 10)):
        stock.enqueue(dramatiq.Message("default", "act", (x,), {}, {}), delay=delay)
    eventually(lambda: sorted(ran) == [1, 2])
    redis_client.delete("dramatiq:__heartbeats__")


def test_a_body_that_cannot_be_read_is_quarantined_and_the_worker_goes_on(
    broker: JobctlBroker, redis_client: redis.Redis, start: Start
) -> None:
    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    redis_client.hset("dramatiq:default.msgs", "bad", b"not json")
    redis_client.rpush("dramatiq:default", "bad")
    message = act.send()
    start(broker)
    eventually(lambda: state(broker, message) == "completed")
    bad = broker.store.jobs.find("bad")
    assert bad is not None
    assert (bad.state, bad.record.error) == ("dead", "Quarantined")


def test_a_message_of_an_unknown_actor_waits_and_is_dead_in_the_end(redis_client: redis.Redis, start: Start) -> None:
    patient, hasty = JobctlBroker(client=redis_client), JobctlBroker(client=redis_client, unknown_after=0)
    patient.declare_queue("default")
    hasty.declare_queue("default")
    message = patient.enqueue(dramatiq.Message("default", "nobody", (), {}, {}))
    worker = start(patient)
    eventually(lambda: state(patient, message) == "retrying")
    worker.stop()
    patient.store.run("promote", "default", "default", message.message_id)
    start(hasty)
    eventually(lambda: state(hasty, message) == "dead")
    assert found(hasty, message).record.error == "UnknownJobType"


def test_jobs_that_were_not_begun_are_given_back_at_shutdown(broker: JobctlBroker, start: Start) -> None:
    entered, leave = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def act() -> None:
        entered.set()
        leave.wait(PATIENCE_S)

    messages = [act.send() for _ in range(4)]
    worker = start(broker, worker_threads=1)
    assert entered.wait(PATIENCE_S)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    eventually(lambda: not worker.workers[0].running)
    leave.set()
    stopping.join(PATIENCE_S)
    assert sorted(state(broker, m) for m in messages) == ["completed"] + ["waiting"] * 3


def test_a_worker_is_listed_while_it_lives_and_leaves_when_it_stops(broker: JobctlBroker, start: Start) -> None:
    broker.declare_queue("default")
    worker = start(broker)
    (row,) = eventually(broker.store.processes.ls)
    assert (row.kind, row.queues) == ("worker", ("default",))
    worker.stop()
    eventually(lambda: broker.store.processes.ls() == [])


def test_a_broker_that_is_closed_leaves_at_once_though_a_consumer_is_open(broker: JobctlBroker) -> None:
    broker.declare_queue("default")
    next(broker.consume("default", timeout=10))
    assert broker.store.processes.ls()
    thread = broker.presence._thread
    assert thread is not None
    broker.close()
    assert not thread.is_alive()
    assert broker.store.processes.ls() == []


def test_a_mere_producer_is_not_listed(broker: JobctlBroker) -> None:
    dramatiq.actor(lambda: None, broker=broker, actor_name="act").send()
    assert broker.store.processes.ls() == []


def test_the_jobs_of_a_worker_that_died_are_recovered_by_another(
    broker: JobctlBroker, redis_client: redis.Redis, start: Start
) -> None:
    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    message = act.send()
    dead = JobctlBroker(client=redis_client)
    held = next(consumer := dead.consume("default", timeout=50))
    assert isinstance(held, HeldMessage)
    held.begin()
    start(broker)
    liveness = StoreLiveness(broker.store, broker.presence.known)
    eventually(lambda: broker.presence.name in broker.store.processes.beats())
    assert liveness._judge(["default"], {broker.presence.name}, thorough=False) == 1
    eventually(lambda: state(broker, message) == "completed")
    consumer.ack(held)  # too late, and without effect
    assert [a.outcome for a in found(broker, message).attempts] == ["lost", "completed"]
    consumer.close()


def test_what_a_stock_worker_holds_is_known_to_be_its_own(broker: JobctlBroker, start: Start) -> None:
    broker.declare_queue("default")
    start(broker)
    assert broker.presence.worker in eventually(broker.store.processes.children)


def test_a_fetch_whose_reply_was_lost_strands_nothing(broker: JobctlBroker, start: Start) -> None:
    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    message = act.send()
    broker.store.settle.fetch(broker.presence.worker, ["default"], 1)
    assert state(broker, message) == "running"
    start(broker)
    eventually(lambda: state(broker, message) == "completed")


def test_an_ack_that_is_repeated_after_an_outage_ends_the_attempt_once(
    broker: JobctlBroker, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.01)
    write, calls = broker.store.run_many, []

    def flaky(sent: Any) -> Any:
        answer = write(sent)
        if any(call.script.name == "complete" for call in sent):
            calls.append(sent)
            if len(calls) == 1:
                raise RedisUnavailable("the reply was lost")
        return answer

    monkeypatch.setattr(broker.store, "run_many", flaky)

    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    message = act.send()
    start(broker)
    eventually(lambda: len(calls) == 2)
    eventually(lambda: broker.presence.holdings.empty())
    assert found(broker, message).record.count == 1


def test_a_delayed_message_is_never_held_by_a_worker(broker: JobctlBroker, start: Start) -> None:
    @dramatiq.actor(broker=broker)
    def act() -> None:
        pass

    late = act.send_with_options(delay=3_600_000)
    soon = act.send_with_options(delay=30)
    start(broker)
    eventually(lambda: state(broker, soon) == "completed")
    assert state(broker, late) == "delayed"


def test_flush_moves_what_waits_to_the_trash(broker: JobctlBroker) -> None:
    act = dramatiq.actor(lambda: None, broker=broker, actor_name="act")
    messages = [act.send(), act.send_with_options(delay=1000)]
    broker.flush_all()
    broker.join("default", timeout=int(PATIENCE_S * 1000))
    assert [state(broker, m) for m in messages] == ["discarded"] * 2


def test_a_message_enqueued_twice_is_one_job(broker: JobctlBroker) -> None:
    dramatiq.actor(lambda: None, broker=broker, actor_name="act")
    message = dramatiq.Message("default", "act", (), {}, {})
    broker.enqueue(message)
    broker.enqueue(message)
    assert broker.do_qsize("default") == 1


def test_bodies_are_laid_out_as_dramatiq_does(broker: JobctlBroker, redis_client: redis.Redis) -> None:
    message = dramatiq.Message("default", "act", (1,), {"a": 2}, {"max_age": 3})
    broker.enqueue(message, delay=5000)
    stored = redis_client.hget("dramatiq:default.msgs", message.message_id)
    assert stored == encode(dict(message.asdict()))


SECRET = "ada@example.com"


def everything(client: redis.Redis) -> str:
    """What lies in hashes and streams, without the bodies of jobs, which hold what was sent."""
    out = []
    for key in client.scan_iter("dramatiq:@*"):
        kind = client.type(key)
        if kind == b"hash" and not key.startswith((b"dramatiq:@archive", b"dramatiq:@published")):
            out.append(client.hgetall(key))
        elif kind == b"stream":
            out.append(client.xrange(key))
    return str(out)


def test_what_a_catalog_redacts_is_hidden_by_a_worker_that_has_none(
    redis_client: redis.Redis, broker: JobctlBroker, start: Start
) -> None:
    mail = JobType(name="mail", handler=PythonSpec("x:y"), queue="default", redact=("to",))
    broker.store.published.publish(Catalog(jobs={"mail": mail}), ["default"])

    @dramatiq.actor(broker=broker, max_retries=0, actor_name="mail")
    def fail(to: str) -> None:
        raise ValueError(f"no such address: {to}")

    message = fail.send(to=SECRET)
    start(broker)
    eventually(lambda: state(broker, message) == "dead")
    assert found(broker, message).record.message == "no such address: [redacted]"
    assert broker.store.dead.groups("default")[0].message == "no such address: [redacted]"
    assert SECRET not in everything(redis_client)


def test_ended_jobs_stay_as_long_as_their_catalog_says(broker: JobctlBroker, start: Start) -> None:
    queue = Queue("default", Keep(completed_ms=10 * 86_400_000, count=200_000))
    broker.store.published.publish(Catalog(queues={"default": queue}), ["default"])

    @dramatiq.actor(broker=broker)
    def work() -> None:
        pass

    first, second = work.send(), work.send()
    start(broker)
    eventually(lambda: {state(broker, first), state(broker, second)} == {"completed"})
    two_days_ago = broker.store.processes.now_ms() - 2 * 86_400_000
    redis_client = broker.client
    redis_client.zadd(broker.store.keys.completed("default"), {first.message_id: two_days_ago})
    third = work.send()
    eventually(lambda: state(broker, third) == "completed")
    assert state(broker, first) == "completed"


def test_what_is_published_is_read_whatever_it_is(broker: JobctlBroker) -> None:
    key = broker.store.keys.published()
    said = {"keep|a": "x", "keep|b": "1 2 3", "keep|c": "5 7", "redact|t": "{", "redact|u": '["to"]', "other": "x"}
    broker.client.hset(key, mapping=said)
    facts = broker.store.published.facts()
    assert facts.keeps == {"c": Keep(5, 7)}
    assert (facts.redacted("t"), facts.redacted("u"), facts.redacted("v")) == (("*",), ("to",), ())


def test_a_worker_without_a_catalog_leaves_the_jobs_of_others_alone(
    redis_client: redis.Redis, broker: JobctlBroker
) -> None:
    body = encode(Body("default", "theirs", [], {"to": SECRET}, {"traceback": f"E: {SECRET}"}, "x", 1))
    redis_client.zadd("dramatiq:default.XQ", {"x": 1})
    redis_client.hset("dramatiq:default.XQ.msgs", "x", body)
    presence = Presence(broker.store, broker.actors)
    presence.enter(object(), "default")
    try:
        presence.announce("default")
        eventually(lambda: broker.store.processes.marks())
        assert presence.known.keep("default") == Keep()
        assert presence.known.keep("others") is None
        chores = Chores(broker.store, lambda: presence.known, broker.store.processes.now_ms)
        while chores.work(["default"], 1.0):
            pass
        assert redis_client.zcard("dramatiq:default.XQ") == 1
        assert SECRET not in everything(redis_client)
    finally:
        presence.stop()
