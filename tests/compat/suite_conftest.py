"""The conftest.py of Dramatiq's tests when they run on JobctlBroker. Copied beside them by test_dramatiq.py.

RedisBroker and StubBroker are replaced before the tests import them; what needs no address means the private server.
What needs RabbitMQ or memcached is not here: they have no part in jobctl.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dramatiq
import dramatiq.brokers.redis
import dramatiq.brokers.stub
import dramatiq.worker
import pytest
import redis
from _pytest.runner import runtestprotocol
from dramatiq.middleware import TimeLimit
from dramatiq.rate_limits import backends as rate_limits
from dramatiq.results import backends as results
from dramatiq.worker import Worker

from jobctl.engine.dramatiq.holding import HeldMessage

from .broker import PrivateRedis, PromptConsumer, TestedBroker
from .stub import StubLike, clear_exception

MOCKS_LATE = {
    "test_redis_consumer_ack_can_retry_on_connection_error",
    "test_redis_consumer_nack_can_retry_on_connection_error",
}
"""Tests that send a message and only then put a mock in the way of its end: they count on stock's slow pick-up."""

LOOK_AT_THE_WORK_QUEUE = {"test_workers_process_messages_in_order", "test_stub_broker_respects_prefetch"}
"""Tests that give a worker 1 to 10 ms to take the messages that they send: here `send` waits until it has."""

COUNT_ON_TIME = {
    "test_actor_messages_can_be_assigned_time_limits",
    "test_actors_can_be_assigned_time_limits",
    "test_actors_can_delay_messages_independent_of_each_other",
    "test_actors_can_prioritize_work",
    "test_groups_can_time_out",
    "test_groups_completion_count_works_for_tasks_finishing_out_of_order",
    "test_groups_execute_inner_groups",
    "test_groups_execute_jobs_in_parallel",
    "test_groups_expose_completion_stats",
    "test_pipeline_results_respect_timeouts",
    "test_pipelines_expose_completion_stats",
    "test_redis_actors_can_delay_messages_independent_of_each_other",
    "test_redis_actors_can_prioritize_work",
    "test_redis_actors_retry_with_backoff_on_failure",
    "test_redis_broker_can_join_with_timeout",
    "test_retrieving_a_result_can_raise_result_missing",
    "test_retrieving_a_result_can_time_out",
    "test_stub_broker_can_join_with_timeout",
}
"""Tests that fail when 50 ms to a second pass where they expect none to. A busy machine can do that, so each may fail
a few times; where the broker is at fault they fail always. No other test is tried again."""

TRIES = 5

STRETCHED = {
    "test_groups_can_time_out": 10,
    "test_groups_execute_inner_groups": 10,
    "test_groups_execute_jobs_in_parallel": 10,
    "test_redis_broker_can_join_with_timeout": 3,
    "test_retrieving_a_result_can_raise_result_missing": 10,
    "test_retrieving_a_result_can_time_out": 10,
    "test_stub_broker_can_join_with_timeout": 3,
}
"""How many times longer a second of these tests is: they sleep longer, and there is more room for what they measure."""

TIME_LIMIT_EVERY_MS = 50
"""How often time limits are looked at: every second otherwise, and a test sleeps no longer than that past its limit."""

sys.modules["dramatiq.brokers.rabbitmq"] = SimpleNamespace(RabbitmqBroker=TestedBroker)  # type: ignore[assignment]
dramatiq.worker.ConsumerThread = PromptConsumer
dramatiq.brokers.redis.RedisBroker = TestedBroker
dramatiq.brokers.stub.StubBroker = StubLike
HeldMessage.clear_exception = clear_exception
redis.Redis = PrivateRedis
dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = 0.1  # 5 s otherwise, which two tests wait for
dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = 0.1
TimeLimit.__init__.__kwdefaults__["interval"] = TIME_LIMIT_EVERY_MS


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Try what counts on time until it passes, `TRIES` times at most."""
    if getattr(item, "originalname", None) not in COUNT_ON_TIME:
        return None
    for _ in range(TRIES):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True


class StretchedTime:
    """The `time` of a test module, in which a second takes longer."""

    def __init__(self, factor: int) -> None:
        self._factor = factor

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds * self._factor)

    def monotonic(self) -> float:
        return time.monotonic() / self._factor


@pytest.fixture(autouse=True)
def stretched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the time of the tests that are named in `STRETCHED`."""
    factor = STRETCHED.get(getattr(request.node, "originalname", ""))
    if factor is not None:
        monkeypatch.setattr(request.module, "time", StretchedTime(factor))


@pytest.fixture
def redis_broker(request: pytest.FixtureRequest) -> Iterator[TestedBroker]:
    broker = TestedBroker()
    if request.node.name not in MOCKS_LATE:
        broker.fetches.set()
    broker.client.flushall()
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


@pytest.fixture
def redis_worker(redis_broker: TestedBroker) -> Iterator[Worker]:
    worker = Worker(redis_broker, worker_timeout=100, worker_threads=4)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def stub_broker(request: pytest.FixtureRequest) -> Iterator[StubLike]:
    broker = StubLike()
    broker.awaits_pick_up = request.node.name in LOOK_AT_THE_WORK_QUEUE
    broker.client.flushall()
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


@pytest.fixture
def stub_worker(stub_broker: StubLike) -> Iterator[Worker]:
    worker = Worker(stub_broker, worker_timeout=50, worker_threads=8)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def redis_rate_limiter_backend() -> Any:
    backend = rate_limits.RedisBackend()
    backend.client.flushall()
    return backend


@pytest.fixture
def stub_rate_limiter_backend() -> Any:
    return rate_limits.StubBackend()


@pytest.fixture(params=["redis", "stub"])
def rate_limiter_backend(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_rate_limiter_backend")


@pytest.fixture
def redis_result_backend() -> Any:
    backend = results.RedisBackend()
    backend.client.flushall()
    return backend


@pytest.fixture
def stub_result_backend() -> Any:
    return results.StubBackend()


@pytest.fixture(params=["redis", "stub"])
def result_backend(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_result_backend")
