"""A consumer for stock Dramatiq workers: reserves jobs with tokens, and ends each attempt in one step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ActorNotFound, ConnectionClosed
from dramatiq.message import Message

from jobctl import clock
from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.catalog.model import JobType, Keep, RetryPolicy
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.outcome import MAX_CRASHES, Outcome
from jobctl.engine.dramatiq.holding import HeldMessage, give_back, options_of
from jobctl.engine.dramatiq.presence import Presence
from jobctl.engine.liveness.strays import Strays
from jobctl.errors import RedisFull, RedisUnavailable
from jobctl.handlers.failure import Failure, describe, forget
from jobctl.scrubbing import Scrubber
from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.nouns.settle import Reserved
from jobctl.store.wire import steps

LOOK_S = 1.0
"""The longest that a consumer sleeps: so long a stock producer's message may go unnoticed."""
DEFAULT_MAX_RETRIES = 20

_log = logging.getLogger("jobctl.worker")


class Serving(Protocol):
    """What a consumer needs of the broker that made it."""

    @property
    def actors(self) -> Mapping[str, Any]: ...

    @property
    def client(self) -> Any: ...

    @property
    def store(self) -> Store: ...

    @property
    def presence(self) -> Presence: ...

    @property
    def unknown_after(self) -> int: ...


class JobctlConsumer(Consumer):
    """Iterates over the messages of one queue. One thread iterates; any thread acks."""

    def __init__(self, broker: Serving, queue_name: str, prefetch: int, timeout: int) -> None:
        self.broker = broker
        self.queue_name = queue_name
        self.prefetch = prefetch
        self.timeout_s = min(timeout / 1000, LOOK_S, _patience(broker.client))
        self._store = broker.store
        self._presence = broker.presence
        self._holdings = self._presence.holdings
        self._tell_at = 0.0
        self._strays = Strays(broker.store, self._presence.worker)
        self._strays.suspect()  # a worker makes another consumer when a connection was lost
        self._announced = False
        self._presence.enter(self, queue_name)

    @property
    def outstanding_message_count(self) -> int:
        """How many messages of this queue the process holds."""
        return self._holdings.count(self.queue_name)

    def __next__(self) -> HeldMessage | None:
        try:
            return self._holdings.pop(self.queue_name) or self._fetch()
        except RedisUnavailable as error:
            self._strays.suspect()
            raise lost(error) from None

    def ack(self, message: MessageProxy) -> None:
        """End an attempt: completed, or retried if a retry was put by; failed ones are never completed."""
        self._end(message)

    def nack(self, message: MessageProxy) -> None:
        """End an attempt: the job is a dead letter. One of an unknown actor waits for a deploy first."""
        self._end(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give messages back that were not begun."""
        held = [m for m in messages if isinstance(m, HeldMessage)]
        try:
            give_back(self._store, held)
        except RedisUnavailable as error:
            raise lost(error) from None
        for message in held:
            self._holdings.release(message)

    def close(self) -> None:
        """Give back what was fetched ahead."""
        try:
            self.requeue(self._holdings.ahead(self.queue_name))
        finally:
            self._presence.exit(self)

    def _fetch(self) -> HeldMessage | None:
        """Fetch what there is room for; with nothing there, sleep until a wake-up, a due time or the timeout."""
        if not self._announced:
            self._presence.announce(self.queue_name)
            self._announced = True
        if self._strays.is_time():
            self._strays.look([self.queue_name], self._holdings.tokens(self.queue_name))
        if clock.monotonic() >= self._tell_at:
            self._tell_at = clock.monotonic() + LOOK_S
            with suppress(RedisFull):
                steps.run(self._store, self._store.settle.begun(self._holdings.begun(self.queue_name)))
        room = self._holdings.room(self.queue_name, self.prefetch, self.timeout_s)
        if room == 0:
            return None
        rest = self._take(room)
        if rest > 0:
            self._store.block([self._store.keys.wake(self.queue_name)], rest)
            self._take(room)
        return self._holdings.pop(self.queue_name)

    def _take(self, room: int) -> float:
        """Fetch at most `room` messages; 0, or how long to sleep if there were none."""
        fetched = self._store.settle.fetch(self._presence.worker, [self.queue_name], room)
        messages = [message for reserved in fetched.jobs if (message := self._read(reserved)) is not None]
        self._store.indexes.take_messages(
            self.queue_name,
            [(one.reserved.id, one.body) for one in messages if one.body.message_id != one.reserved.id],
        )
        for message in messages:
            self._holdings.add(message)
        if fetched.jobs:
            return 0.0
        due_s = (fetched.next_due_ms - fetched.now_ms) / 1000 if fetched.next_due_ms else self.timeout_s
        return max(0.001, min(due_s, self.timeout_s))

    def _read(self, reserved: Reserved) -> HeldMessage | None:
        """A message of a reserved job; None for one that cannot be run, which is dead with the reason now."""
        record = codec.decode_record(reserved.record)
        body = verdict.read_body(reserved, record)
        if isinstance(body, Outcome):
            self._write(body)
            return None
        if reserved.crashes >= MAX_CRASHES:
            what = Failure("WorkerKilled", f"its worker died {reserved.crashes} times while running it")
            self._write(verdict.refused(reserved, body.actor_name, record, what))
            return None
        message: Message[Any] = Message(
            queue_name=reserved.queue,
            actor_name=body.actor_name,
            args=tuple(body.args),
            kwargs=body.kwargs,
            options=options_of(body, record, reserved.id),
            message_id=body.message_id,
            message_timestamp=body.message_timestamp,
        )
        return HeldMessage(message, reserved, body, record)

    def _end(self, message: MessageProxy) -> None:
        if not isinstance(message, HeldMessage):
            _log.warning("message %s was not fetched here; its ack or nack is ignored", message.message_id)
            return
        repeated = message.outcome is not None
        if message.outcome is None:
            message.outcome = self._outcome(message)
            forget(message.failure or message.undone)
            message.result = message.failure = message.undone = None
        try:
            late = self._write(message.outcome)
        except RedisUnavailable as error:
            raise lost(error) from None
        if late and not repeated:
            _log.warning(
                "job %s: this attempt is no longer the current one; its result is ignored", message.reserved.id
            )
        self._holdings.release(message)

    def _write(self, outcome: Outcome) -> bool:
        return write(self._store, outcome, self._presence.known.kept(outcome.queue))

    def _outcome(self, message: HeldMessage) -> Outcome:
        """What becomes of the job."""
        failure = message.failure or message._exception or message.undone
        if message.started is None:
            return self._not_begun(message, failure)
        job = self._running(message)
        if message.failed or (failure is not None and message.again is None):
            return verdict.given_up(job, _described(failure, job.scrub))
        if message.again is None:
            return verdict.completed(job, message.result)
        if failure is not None:
            return verdict.retried(job, _described(failure, job.scrub), message.again.delay_ms, body=message.again.body)
        return verdict.put_off(message.reserved, message.record, message.again.delay_ms, message.again.body)

    def _not_begun(self, message: HeldMessage, failure: BaseException | None) -> Outcome:
        reserved, record = message.reserved, message.record
        if isinstance(failure, ActorNotFound):
            return verdict.unknown_type(reserved, message.actor_name, record, self.broker.unknown_after)
        return verdict.refused(reserved, message.actor_name, record, _described(failure, self._running(message).scrub))

    def _running(self, message: HeldMessage) -> verdict.Running:
        actor = self.broker.actors.get(message.actor_name)
        most = message.options.get("max_retries", actor.options.get("max_retries") if actor else None)
        policy = RetryPolicy(max=most if isinstance(most, int) else DEFAULT_MAX_RETRIES)
        hidden = self._presence.known.redacted(message.actor_name)
        job_type = JobType(message.actor_name, ActorSpec(""), message.reserved.queue, retries=policy, redact=hidden)
        label = message.options.get("label")
        return verdict.Running(
            message.reserved,
            job_type,
            message.body,
            message.record,
            label if isinstance(label, str) else None,
            message.started_ms,
            message.started or 0.0,
        )


class InboxConsumer(Consumer):
    """The consumer of a `.DQ` queue: takes in what stock producers delayed. Redis holds it until it is due."""

    def __init__(self, broker: Serving, queue_name: str, prefetch: int, timeout: int) -> None:  # noqa: ARG002
        self._store = broker.store
        self._queue = codec.canonical(queue_name)
        self._timeout_s = min(timeout / 1000, LOOK_S)
        self._look_at = 0.0
        self._closed = threading.Event()

    def __next__(self) -> None:
        try:
            if clock.monotonic() >= self._look_at:
                more = self._store.stock.take_delayed(self._queue).more
                self._look_at = clock.monotonic() + (0.0 if more else LOOK_S)
                if more:
                    return
        except RedisUnavailable as error:
            raise lost(error) from None
        self._closed.wait(self._timeout_s)

    def close(self) -> None:
        self._closed.set()


def lost(error: RedisUnavailable) -> ConnectionClosed:
    """What Dramatiq's worker understands, continues from and tries again after."""
    return ConnectionClosed(error)  # type: ignore[no-untyped-call]


def write(store: Store, outcome: Outcome, keep: Keep) -> bool:
    """Write an outcome; True if the attempt was no longer the current one."""
    return bool(store.settle.write([store.settle.end(outcome.kind, outcome.queue, [outcome.ended], keep)])[0])


def _described(failure: BaseException | None, using: Scrubber | None = None) -> Failure:
    return describe(failure, using) if failure is not None else Failure("Rejected", "a middleware failed the message")


def _patience(client: Any) -> float:
    """How long a command of this client may block before its own time-out breaks it."""
    pool = getattr(client, "connection_pool", None)
    timeout = (getattr(pool, "connection_kwargs", None) or {}).get("socket_timeout")
    return float(timeout) * 0.8 if timeout else LOOK_S
