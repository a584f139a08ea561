"""The broker: Dramatiq's Redis broker whose messages are jobctl's jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis
from dramatiq.broker import Broker, Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis, dq_name
from dramatiq.message import Message
from dramatiq.middleware import Middleware, MiddlewareError
from dramatiq.middleware.retries import Retries as StockRetries

from jobctl import names
from jobctl.engine.dramatiq.holding import OWN_OPTIONS, Again, Ending, HeldMessage
from jobctl.engine.dramatiq.middleware.retries import Retries
from jobctl.store import Store
from jobctl.store.data.codec import Body, canonical, encode
from jobctl.store.data.ids import JobRef
from jobctl.store.data.newjob import NewJob
from jobctl.store.wire.connection import connect

if TYPE_CHECKING:
    from jobctl.engine.dramatiq.presence import Presence

UNKNOWN_AFTER_MS = 900_000
RETRIES = 3
"""How often a command whose connection broke is sent again. Every command of this broker may run twice."""

_log = logging.getLogger("jobctl.worker")


class JobctlBroker(RedisBroker):
    """A RedisBroker whose messages are jobctl's jobs. Constructible like the stock one.

    `enqueue` is one script that is safe to repeat (a message's id is its job's id), and a delay is kept by Redis, not
    in a worker's memory. `jobctl worker` serves its queues; so does a stock `dramatiq.Worker` on this broker, with the
    same guarantees. docs/dramatiq.md lists what differs from the stock broker.

    `cluster` says that the Redis is a cluster. `unknown_after` is for how many ms a message waits whose actor no
    worker knows. The stock parameters that steer maintenance and heartbeats are accepted and not needed.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        middleware: list[Middleware] | None = None,
        namespace: str = "dramatiq",
        maintenance_chance: int = 0,
        heartbeat_timeout: int = 60_000,
        dead_message_ttl: int = 86_400_000 * 7,
        client: redis.Redis | None = None,
        store: Store | None = None,
        cluster: bool = False,
        unknown_after: int = UNKNOWN_AFTER_MS,
        **parameters: Any,
    ) -> None:
        # Not RedisBroker's: it would register scripts that must never run here.
        Broker.__init__(self, middleware=middleware)
        if client is None:
            client = connect(url, cluster=cluster, retries=RETRIES) if url else redis.Redis(**parameters)
        self.broker_id = str(uuid4())
        self.namespace = namespace
        self.maintenance_chance = maintenance_chance
        self.heartbeat_timeout = heartbeat_timeout
        self.dead_message_ttl = dead_message_ttl
        self.unknown_after = unknown_after
        self.queues: set[str] = set()
        self.client = client
        self.store = store or Store(client, namespace, cluster=cluster)
        self.at_work: dict[JobRef, HeldMessage] = {}
        """What `jobctl worker` runs in this process."""
        self.ending = Ending()
        self._presence: Presence | None = None

    def __getattr__(self, name: str) -> Any:
        """Not RedisBroker's, which makes a call of the stock script out of every `do_…`."""
        raise AttributeError(f"attribute {name} does not exist")

    def add_middleware(self, middleware: Middleware, **place: type[Middleware] | None) -> None:
        """Add a middleware. The stock Retries is replaced by ours, with its settings."""
        if type(middleware) is StockRetries:
            middleware = Retries.like(middleware)
        super().add_middleware(middleware, **place)

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue known to this broker. Raises UsageError for a name that a queue cannot have."""
        super().declare_queue(names.queue(queue_name))

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message; `delay` in milliseconds, without an upper bound. Returns it as the stock broker does.

        A message that this process runs at the moment is not added again: once its attempt has ended, the same job is
        retried, in the step that ends the attempt. What a hook cannot enqueue after an attempt makes the attempt fail.
        """
        try:
            return self._enqueue(message, delay)
        except MiddlewareError:
            raise
        except Exception as error:
            if (ending := self.ending.message) is not None:
                ending.undone = error
            raise

    def _enqueue(self, message: Message[Any], delay: int | None) -> Message[Any]:
        queue = canonical(message.queue_name)
        held = self._held(queue, message)
        options: dict[str, Any] = {"redis_message_id": message.message_id}
        name = queue
        if delay is not None:
            options["eta"] = current_millis() + delay
            name = dq_name(queue)
        message = message.copy(queue_name=name, options=options)
        self.emit_before("enqueue", message, delay)
        if held is not None:
            held.again = Again(body_of(message, queue), delay or 0)
        else:
            self._add(message, queue, delay)
        self.emit_after("enqueue", message, delay)
        return message

    def _held(self, queue: str, message: Message[Any]) -> HeldMessage | None:
        """The attempt that runs here for this very message; None for another one.

        A stock message's job is stored under another id than the message's own; its options hold that id.
        """
        for job_id in (message.options.get("redis_message_id"), message.message_id):
            ref = JobRef(queue, str(job_id))
            held = self.at_work.get(ref)
            if held is None and self._presence is not None:
                held = self._presence.holdings.of(ref)
            if held is not None and held.body.message_id == message.message_id:
                return held
        return None

    def _add(self, message: Message[Any], queue: str, delay_ms: int | None) -> None:
        actor = self.actors.get(message.actor_name)
        job = NewJob(
            id=message.message_id,
            type=message.actor_name,
            queue=queue,
            payload=message.kwargs,
            delay_ms=delay_ms,
            priority=actor.priority if actor else 0,
            message=body_of(message, queue),
        )
        if self.store.jobs.enqueue([job])[0].outcome == "known":
            _log.warning("message %s was already enqueued; nothing was changed", message.message_id)

    @property
    def consumer_class(self) -> Any:
        from jobctl.engine.dramatiq.consumer import JobctlConsumer

        return JobctlConsumer

    @property
    def presence(self) -> Presence:
        """What this process holds of the queues that it consumes, and its sign of life. A mere producer has none."""
        if self._presence is None:
            from jobctl.engine.dramatiq.presence import Presence

            self._presence = Presence(self.store, self.actors)
        return self._presence

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer for a stock worker; `timeout` in milliseconds. That of a `.DQ` queue takes in what others left."""
        from jobctl.engine.dramatiq.consumer import InboxConsumer

        kind = InboxConsumer if canonical(queue_name) != queue_name else self.consumer_class
        consumer: Consumer = kind(self, queue_name, prefetch, timeout)
        return consumer

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if signal == "process_message" and isinstance(args[0], HeldMessage):
            args[0].begin()
        super().emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if signal == "process_message" and isinstance(args[0], HeldMessage):
            args[0].end(kwargs.get("result"), kwargs.get("exception"))
            with self.ending.of(args[0]):
                super().emit_after(signal, *args, **kwargs)
        else:
            super().emit_after(signal, *args, **kwargs)

    def flush(self, queue_name: str) -> None:
        """Move a queue's waiting jobs to the trash. Running jobs go on, and dead letters stay."""
        queue = canonical(queue_name)
        while self.store.stock.take_delayed(queue).more:
            pass
        while self.store.queues.empty(queue)[1]:
            pass

    def do_qsize(self, queue_name: str) -> int:
        """How many jobs of a queue have not ended, for `join`."""
        queue, keys = canonical(queue_name), self.store.keys
        return int(self.store.client.hlen(keys.bodies(queue))) + int(
            self.store.client.hlen(keys.stock_delayed_bodies(queue))
        )

    def close(self) -> None:
        """Note that this process no longer consumes."""
        if self._presence is not None:
            self._presence.stop()


def body_of(message: Message[Any], queue: str) -> bytes:
    """A message as it is stored."""
    return encode(
        Body(
            queue,
            message.actor_name,
            list(message.args),
            message.kwargs,
            {name: value for name, value in message.options.items() if name not in OWN_OPTIONS},
            message.message_id,
            message.message_timestamp,
        )
    )
