"""The conftest.py of Dramatiq's tests when they run on JobctlBroker. Copied beside them by test_dramatiq.py.

RedisBroker and StubBroker are replaced before the tests import them; what needs no address means the private server.
What needs RabbitMQ or memcached is not here: they have no part in jobctl.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dramatiq
import dramatiq.brokers.redis
import dramatiq.brokers.stub
import dramatiq.worker
import pytest
import redis
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

sys.modules["dramatiq.brokers.rabbitmq"] = SimpleNamespace(RabbitmqBroker=TestedBroker)  # type: ignore[assignment]
dramatiq.worker.ConsumerThread = PromptConsumer
dramatiq.brokers.redis.RedisBroker = TestedBroker
dramatiq.brokers.stub.StubBroker = StubLike
HeldMessage.clear_exception = clear_exception
redis.Redis = PrivateRedis
dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = 0.1  # 5 s otherwise, which two tests wait for
dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = 0.1


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
def stub_broker() -> Iterator[StubLike]:
    broker = StubLike()
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
