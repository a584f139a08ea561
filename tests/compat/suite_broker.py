"""JobctlBroker as Dramatiq's tests of its Redis broker call and mock it: `broker.py` beside their conftest."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import dramatiq.worker
import redis

from jobctl.broker import JobctlBroker
from jobctl.engine.dramatiq.consumer import JobctlConsumer
from jobctl.engine.dramatiq.holding import HeldMessage

URL = os.environ["COMPAT_REDIS_URL"]
PATIENCE_S = 120.0


class PrivateRedis(redis.Redis):
    """`redis.Redis()` is a client of the private server."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options or {"unix_socket_path": unquote(urlsplit(URL).path)}))


class SteppedConsumer(JobctlConsumer):
    """Acks and nacks through `broker.do_ack` and `broker.do_nack`, where the tests put their mocks."""

    def __next__(self) -> HeldMessage | None:
        return super().__next__() if self.broker.fetches.wait(self.timeout_s) else None

    def ack(self, message: Any) -> None:
        self._through(self.broker.do_ack, super().ack, message)

    def nack(self, message: Any) -> None:
        self._through(self.broker.do_nack, super().nack, message)

    def _through(self, command: Callable[..., None], end: Callable[..., None], message: Any) -> None:
        self.broker.ends[message.options["redis_message_id"]] = partial(end, message)
        command(self.queue_name, message.options["redis_message_id"])


class PickUps:
    """The messages that a worker's consumer has taken, for tests that look at them while no thread runs any."""

    def __init__(self) -> None:
        self.room: dict[str, int] = {}
        self._taken: defaultdict[str, set[str]] = defaultdict(set)
        self._changed = threading.Condition()

    def add(self, queue: str, message_id: str) -> None:
        with self._changed:
            self._taken[queue].add(message_id)
            self._changed.notify_all()

    def wait(self, queue: str, message_id: str) -> None:
        """Until the consumer has taken a message, or as many of its queue as it may."""
        taken, room = self._taken[queue], self.room[queue]
        with self._changed:
            assert self._changed.wait_for(lambda: message_id in taken or len(taken) >= room, PATIENCE_S)


class TestedBroker(JobctlBroker):
    """JobctlBroker as the tests of RedisBroker construct and call it."""

    __test__ = False

    def __init__(self, **options: Any) -> None:
        self.ends: dict[str, Callable[[], None]] = {}
        self.fetches = threading.Event()
        self.pick_ups = PickUps()
        if "client" not in options:
            options["url"] = URL
        super().__init__(**options)

    @property
    def consumer_class(self) -> Any:
        return SteppedConsumer

    def do_ack(self, queue: str, message_id: str) -> None:
        self.ends[message_id]()

    do_nack = do_ack

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("do_ack", "do_nack"):
            self.fetches.set()


class PromptConsumer(dramatiq.worker.ConsumerThread):
    """The tests look at its consumer as soon as they have sent a message, and that one announces its process first."""

    def __init__(self, **options: Any) -> None:
        self._connected = threading.Event()
        super().__init__(**options)
        self.broker.pick_ups.room[self.queue_name] = self.prefetch

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "consumer" and value is not None:
            self._connected.set()

    def start(self) -> None:
        super().start()
        assert self._connected.wait(PATIENCE_S)

    def handle_message(self, message: Any) -> None:
        super().handle_message(message)
        self.broker.pick_ups.add(self.queue_name, message.message_id)
