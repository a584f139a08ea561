"""The broker: Dramatiq's Redis broker with jobctl's enqueue, so that what actors send is a job like any other."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message
from dramatiq.middleware import Callbacks, CurrentMessage, Middleware, Pipelines

from jobctl.errors import JobctlError
from jobctl.store import Store
from jobctl.store.codec import Body, encode

STOCK_OPTIONS = frozenset(
    {
        "max_retries", "min_backoff", "max_backoff", "retry_when", "throws", "on_retry_exhausted",
        "time_limit", "max_age", "notify_shutdown", "store_results", "result_ttl",
    }
)  # fmt: skip
"""Options of existing actors that are accepted so that their modules import. The catalog says how jobs retry."""


class JobctlBroker(RedisBroker):
    """A RedisBroker whose messages are jobctl's jobs.

    Constructible like the stock one. `enqueue` is one script that is safe to repeat (a message's id is its job's
    id), and a delay is kept by Redis, not in a worker's memory. Jobs are fetched and ended by `jobctl worker`; a
    stock `dramatiq` worker must not consume the same queues, so `consume` refuses.
    """

    def __init__(
        self,
        *,
        middleware: list[Middleware] | None = None,
        namespace: str = "dramatiq",
        store: Store | None = None,
        **kwargs: Any,
    ) -> None:
        chosen = [CurrentMessage(), Callbacks(), Pipelines()] if middleware is None else middleware
        super().__init__(  # type: ignore[no-untyped-call]
            middleware=chosen, namespace=namespace, maintenance_chance=0, **kwargs
        )
        self.actor_options |= STOCK_OPTIONS
        self.store = store or Store(self.client, namespace)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message; `delay` in milliseconds, without an upper bound."""
        self.emit_before("enqueue", message, delay)
        body = Body(
            message.queue_name,
            message.actor_name,
            list(message.args),
            message.kwargs,
            {k: v for k, v in message.options.items() if k != "redis_message_id"},
            message.message_id,
            message.message_timestamp,
        )
        due = f"+{delay}" if delay else "0"
        actor = self.actors.get(message.actor_name)
        priority = actor.priority if actor else 0
        queue = message.queue_name
        self.store.run("enqueue", queue, queue, message.message_id, encode(body), priority, due)
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:  # noqa: ARG002
        raise JobctlError(
            f"queue `{queue_name}` is consumed by `jobctl worker`, not by a stock Dramatiq worker",
            "run `jobctl worker`",
        )
