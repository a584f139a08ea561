"""The conftest.py of Dramatiq's tests when they run on JobctlBroker. Copied beside them by test_dramatiq.py.

RedisBroker is replaced before the tests import it, and what needs no address means the private server.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import dramatiq
import dramatiq.brokers.redis
import dramatiq.worker
import pytest
import redis
from dramatiq.worker import Worker

from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.engine.dramatiq.consumer import JobctlConsumer
from jobctl.engine.dramatiq.holding import HeldMessage

URL = os.environ["COMPAT_REDIS_URL"]
PACE_S = 0.05
"""Two tests send a message and only then put a mock in the way of its ack: they count on stock's slow pick-up."""


class PrivateRedis(redis.Redis):
    """`redis.Redis()` is a client of the private server."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options or {"unix_socket_path": unquote(urlsplit(URL).path)}))


class SteppedConsumer(JobctlConsumer):
    """Acks and nacks through `broker.do_ack` and `broker.do_nack`, where the tests put their mocks."""

    def __next__(self) -> HeldMessage | None:
        threading.Event().wait(PACE_S if self._holdings.count(self.queue_name) == 0 else 0)
        return super().__next__()

    def ack(self, message: Any) -> None:
        self._through(self.broker.do_ack, super().ack, message)

    def nack(self, message: Any) -> None:
        self._through(self.broker.do_nack, super().nack, message)

    def _through(self, command: Callable[..., None], end: Callable[..., None], message: Any) -> None:
        self.broker.ends[message.options["redis_message_id"]] = partial(end, message)
        command(self.queue_name, message.options["redis_message_id"])


class TestedBroker(JobctlBroker):
    """JobctlBroker as the tests of RedisBroker construct and call it."""

    __test__ = False

    def __init__(self, **options: Any) -> None:
        self.ends: dict[str, Callable[[], None]] = {}
        if "client" not in options:
            options["url"] = URL
        super().__init__(**options)

    @property
    def consumer_class(self) -> Any:
        return SteppedConsumer

    def do_ack(self, queue: str, message_id: str) -> None:
        self.ends[message_id]()

    do_nack = do_ack


class PromptConsumer(dramatiq.worker._ConsumerThread):
    """The tests look at its consumer as soon as they have sent a message, and that one announces its process first."""

    def start(self) -> None:
        super().start()
        deadline = time.monotonic() + 5
        while getattr(self, "consumer", None) is None and time.monotonic() < deadline:
            threading.Event().wait(0.001)


dramatiq.worker._ConsumerThread = PromptConsumer
dramatiq.brokers.redis.RedisBroker = TestedBroker
redis.Redis = PrivateRedis
dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS = 0.1  # 5 s otherwise, which two tests wait for
dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = 0.1


@pytest.fixture
def redis_broker() -> Iterator[TestedBroker]:
    broker = TestedBroker()
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
