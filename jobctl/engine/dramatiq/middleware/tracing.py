"""A span for each attempt of `jobctl worker`, where the catalog asks for traces."""

from __future__ import annotations

from typing import Any

from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware

from jobctl.engine.dramatiq.holding import HeldMessage
from jobctl.tracing import Attempts


class Tracing(Middleware):
    """Begins a span before an attempt and ends it afterwards, in the attempt's own context."""

    def __init__(self, types: dict[str, str]) -> None:
        """`types` are the job types, by the names in their messages. Raises UsageError."""
        self._attempts = Attempts()
        self._types = types

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        if isinstance(message, HeldMessage):
            body, reserved = message.body, message.reserved
            job_type = self._types.get(body.actor_name, body.actor_name)
            number = message.record.count + 1
            self._attempts.begin(id(message), body.options, reserved.queue, reserved.id, job_type, number)

    def after_process_message(
        self, _broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        del result
        self._attempts.end(id(message), exception)

    def after_skip_message(self, _broker: Broker, message: MessageProxy) -> None:
        self._attempts.end(id(message), None)
