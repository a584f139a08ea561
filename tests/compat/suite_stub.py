"""JobctlBroker in the place of StubBroker, for Dramatiq's tests: `stub.py` beside their conftest.

StubBroker lies in memory, and the tests look into it: at its queues, its dead letters, and at what made them. Here they
see the same of what lies in Redis.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import dramatiq.brokers.stub
from dramatiq.message import Message

from jobctl.engine.dramatiq.holding import HeldMessage

from .broker import SteppedConsumer, TestedBroker


class StubConsumer(SteppedConsumer):
    """Keeps the messages that it rejects, before the queue is known to be empty."""

    def nack(self, message: Any) -> None:
        self.broker.dead_letters_by_queue[self.queue_name].append(message)
        super().nack(message)


class Queue:
    """A queue of StubBroker's: what waits in it, as encoded messages."""

    def __init__(self, broker: StubLike, name: str) -> None:
        self._broker = broker
        self._name = name

    def put(self, data: bytes) -> None:
        """As a stock producer does."""
        keys, message_id = self._broker.store.keys, Message.decode(data).message_id
        self._broker.client.hset(keys.bodies(self._name), message_id, data)
        self._broker.client.rpush(keys.ready(self._name), message_id)

    def get(self, timeout: float) -> bytes:
        """The first message, which is gone then."""
        keys = self._broker.store.keys
        job_id = self._broker.client.lpop(keys.ready(self._name))
        data = self._broker.client.hget(keys.bodies(self._name), job_id)
        self._broker.client.hdel(keys.bodies(self._name), job_id)
        return bytes(data)

    def qsize(self) -> int:
        return int(self._broker.client.llen(self._broker.store.keys.ready(self._name)))

    @property
    def unfinished_tasks(self) -> int:
        return self._broker.do_qsize(self._name)


class Queues(set[str]):
    """The declared queues, each with what is in it."""

    broker: StubLike

    def __getitem__(self, name: str) -> Queue:
        return Queue(self.broker, name)


class StubLike(TestedBroker):
    """JobctlBroker as tests of StubBroker construct and call it."""

    def __init__(self, middleware: Any = None, *, fail_fast_default: bool = True) -> None:
        super().__init__(middleware=middleware)
        self.fetches.set()
        self.fail_fast_default = fail_fast_default
        self.awaits_pick_up = False
        self.dead_letters_by_queue: defaultdict[str, list[HeldMessage]] = defaultdict(list)
        self.queues = Queues()
        self.queues.broker = self

    @property
    def consumer_class(self) -> Any:
        return StubConsumer

    @property
    def dead_letters(self) -> list[HeldMessage]:
        return [message for messages in self.dead_letters_by_queue.values() for message in messages]

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        sent = super().enqueue(message, delay=delay)
        if self.awaits_pick_up:
            self.pick_ups.wait(message.queue_name, message.message_id)
        return sent

    def flush_all(self) -> None:
        super().flush_all()
        for letters in self.dead_letters_by_queue.values():
            letters.clear()

    def join(self, queue_name: str, *, timeout: int | None = None, fail_fast: bool | None = None) -> None:
        super().join(queue_name, interval=5, timeout=timeout)
        if self.fail_fast_default if fail_fast is None else fail_fast:
            for message in self.dead_letters_by_queue[queue_name]:
                raise (message._exception or Exception("Message failed with unknown error")) from None


def clear_exception(message: HeldMessage) -> None:
    """Messages of StubBroker keep their exception, so that `join` can raise it, unless a test takes care of that."""
    dramatiq.brokers.stub._StubMessageProxy.clear_exception(message)  # type: ignore[arg-type]
