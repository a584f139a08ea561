"""Dramatiq's retries, made so that a failure on the way to the retry cannot lose the message."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware.retries import Retries as StockRetries

from jobctl.engine.dramatiq.holding import HeldMessage


class Retries(StockRetries):
    """Stock Retries enqueues a second message and lets the first be acked: two steps, and an error between is
    swallowed. Here the message counts as failed first; when `broker.enqueue` has put the retry by, it does not any
    more, and its ack is the retry, in one step. Whatever goes wrong before makes it a dead letter.
    """

    @classmethod
    def like(cls, other: StockRetries) -> Retries:
        """With the settings of another one."""
        return cls(
            max_retries=other.max_retries,
            min_backoff=other.min_backoff,
            max_backoff=other.max_backoff,
            retry_when=other.retry_when,
        )

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is None:
            return
        if isinstance(message, HeldMessage):
            message.fail()
        super().after_process_message(broker, message, result=result, exception=exception)  # type: ignore[no-untyped-call]
        if isinstance(message, HeldMessage) and message.again is not None:
            message.failed = False
