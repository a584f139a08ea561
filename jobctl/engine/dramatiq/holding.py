"""What a process holds for a stock Dramatiq worker: messages with their reservations, until each has ended."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from jobctl import clock
from jobctl.engine.attempt import measure
from jobctl.engine.attempt.outcome import Outcome
from jobctl.store import Store
from jobctl.store.data.codec import Body, Record
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.settle import Begun, Ended, Reserved

OWN_OPTIONS = frozenset({"redis_message_id", "eta"})
"""Options that middleware sees, as with the stock broker, and that a body does not need: Redis knows them."""


@dataclass(frozen=True, slots=True)
class Again:
    """The retry that was put by while a message ran: its new body, and the delay."""

    body: bytes
    delay_ms: int


class HeldMessage(MessageProxy):
    """A message with its reservation. `outcome` is decided once: an ack that is repeated writes the same.

    What is the same for most messages stands in the class: one is made for every job.
    """

    failed: bool = False
    _exception: BaseException | None = None
    started_ms: int = 0
    started: float | None = None
    result: Any = None
    failure: BaseException | None = None
    again: Again | None = None
    undone: Exception | None = None
    """Why a hook could not enqueue what was to follow the attempt: a pipeline's next message, a callback."""
    outcome: Outcome | None = None
    told: bool = False
    """Whether Redis knows that the attempt has begun."""

    def __init__(self, message: Message[Any], reserved: Reserved, body: Body, record: Record) -> None:
        super().__init__(message)
        self.reserved = reserved
        self.body = body
        self.record = record

    def begin(self) -> None:
        """Its attempt begins."""
        self.started_ms, self.started = clock.now_ms(), clock.monotonic()

    def end(self, result: Any, failure: BaseException | None) -> None:
        """Its attempt is over."""
        self.result, self.failure = result, failure


class LazyMessage(HeldMessage):
    """A message of `jobctl worker`, put together when a hook first looks at it: those of most jobs never are."""

    def __init__(self, reserved: Reserved, body: Body, record: Record) -> None:
        self.reserved = reserved
        self.body = body
        self.record = record  # and no more: what Dramatiq's initializer sets stands in the class

    @cached_property
    def _message(self) -> Message[Any]:  # type: ignore[override]
        body = self.body
        return Message(
            queue_name=self.reserved.queue,
            actor_name=body.actor_name,
            args=tuple(body.args),
            kwargs=body.kwargs,
            options=self._options(),
            message_id=body.message_id,
            message_timestamp=body.message_timestamp,
        )

    def _options(self) -> dict[str, Any]:
        """With the number of retries so far, which stands in the record and not in the body."""
        options = options_of(self.body, self.record, self.reserved.id)
        if (retries := self.record.count - self.record.spent) > 0:
            options["retries"] = retries
        return options


class Ending(threading.local):
    """The message whose attempt has just ended in this thread, while hooks run that may enqueue what follows it."""

    message: HeldMessage | None = None

    @contextmanager
    def of(self, message: HeldMessage) -> Iterator[None]:
        self.message = message
        try:
            yield
        finally:
            self.message = None


def options_of(body: Body, record: Record, job_id: str) -> dict[str, Any]:
    """The options as Dramatiq's middleware expects them. `retries` never exceeds those of the present budget."""
    options = {**body.options, "redis_message_id": job_id}
    options.pop("eta", None)
    retries = options.get("retries")
    if isinstance(retries, int):
        options["retries"] = min(retries, record.count - record.spent) if record.count else retries
    return options


class Holdings:
    """The messages of all queues that a process holds: fetched ahead, waiting for a thread, or running. Thread-safe.

    They belong to the broker and not to its consumers: a consumer that is made again after an outage finds them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._by_id: dict[str, dict[str, HeldMessage]] = {}
        self._ahead: dict[str, deque[HeldMessage]] = {}

    def add(self, message: HeldMessage) -> None:
        """A message was fetched."""
        reserved = message.reserved
        with self._changed:
            self._by_id.setdefault(reserved.queue, {})[reserved.id] = message
            self._ahead.setdefault(reserved.queue, deque()).append(message)

    def pop(self, queue: str) -> HeldMessage | None:
        """The next message of a queue that the worker has not been given yet."""
        with self._changed:
            ahead = self._ahead.get(queue)
            return ahead.popleft() if ahead else None

    def release(self, message: HeldMessage) -> None:
        """A message has ended or was given back."""
        reserved = message.reserved
        with self._changed:
            held = self._by_id.get(reserved.queue, {})
            if held.get(reserved.id) is message:
                del held[reserved.id]
            self._changed.notify_all()

    def of(self, ref: JobRef) -> HeldMessage | None:
        """The message of that job, if its attempt is running here."""
        held = self._by_id.get(ref.queue, {}).get(ref.id)
        return held if held is not None and held.started is not None else None

    def count(self, queue: str) -> int:
        """How many messages of a queue are held."""
        with self._changed:
            return len(self._by_id.get(queue, {}))

    def room(self, queue: str, prefetch: int, timeout_s: float) -> int:
        """How many more messages of a queue may be held; waits up to `timeout_s` for at least one."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._by_id.get(queue, {})) < prefetch, timeout_s)
            return max(0, prefetch - len(self._by_id.get(queue, {})))

    def tokens(self, queue: str) -> set[str]:
        """The reservations of a queue that are known here."""
        with self._changed:
            return {held.reserved.token for held in self._by_id.get(queue, {}).values()}

    def ahead(self, queue: str) -> list[HeldMessage]:
        """Take back what the worker has not been given yet."""
        with self._changed:
            taken = list(self._ahead.get(queue, ()))
            self._ahead.pop(queue, None)
        return taken

    def idle(self) -> list[HeldMessage]:
        """Messages of all queues whose attempt has not begun."""
        with self._changed:
            return [m for held in self._by_id.values() for m in held.values() if m.started is None]

    def begun(self, queue: str) -> list[Begun]:
        """The attempts of a queue that have begun since this was asked last."""
        with self._changed:
            fresh = [m for m in self._by_id.get(queue, {}).values() if m.started is not None and not m.told]
        for message in fresh:
            message.told = True
        return [Begun(queue, m.reserved.id, m.reserved.token, m.started or 0.0, _begun(m)) for m in fresh]

    def empty(self) -> bool:
        with self._changed:
            return not any(self._by_id.values())

    def running(self) -> int:
        """How many attempts are running."""
        with self._changed:
            return sum(m.started is not None for held in self._by_id.values() for m in held.values())


def give_back(store: Store, messages: Iterable[HeldMessage]) -> None:
    """Requeue reservations whose attempt has not begun, or was left off."""
    by_queue: dict[str, list[Ended]] = {}
    for message in messages:
        reserved = message.reserved
        by_queue.setdefault(reserved.queue, []).append(
            Ended(id=reserved.id, token=reserved.token, begun=message.started is not None)
        )
    store.settle.write([store.settle.requeue(queue, ended) for queue, ended in by_queue.items()])


def _begun(message: HeldMessage) -> str:
    """The mark of an attempt that has begun."""
    return measure.begun(message.body.actor_name, message.body, message.record, message.started_ms)
