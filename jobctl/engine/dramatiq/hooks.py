"""Dramatiq's middleware hooks around one message of `jobctl worker`, without calling those that nobody overrides."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from dramatiq.broker import MessageProxy
from dramatiq.common import current_millis, dq_name
from dramatiq.message import Message
from dramatiq.middleware import (
    Callbacks,
    CurrentMessage,
    GroupCallbacks,
    Middleware,
    MiddlewareError,
    Pipelines,
)

from jobctl.engine.dramatiq.holding import Ending, HeldMessage
from jobctl.engine.dramatiq.middleware.tracing import Tracing

_BY_OPTION: Mapping[type[Middleware], frozenset[str]] = {
    Callbacks: frozenset({"on_success", "on_failure"}),
    Pipelines: frozenset({"pipe_target"}),
    GroupCallbacks: frozenset({"group_completion_uuid"}),
}
"""Middleware that does nothing after a message without one of these options."""
_QUICK = frozenset({CurrentMessage, Tracing})
"""Middleware that never takes long."""
_AT_END = ("enqueue", "ack", "nack")

_log = logging.getLogger("jobctl.worker")


class Serving(Protocol):
    """What hooks need of the broker that they are called with."""

    @property
    def middleware(self) -> list[Middleware]: ...

    @property
    def actors(self) -> Mapping[str, Any]: ...

    @property
    def ending(self) -> Ending: ...


class Hooks:
    """Each `before_…` hook in the order of the middleware, each `after_…` hook in reverse, as Dramatiq does.

    A hook's own failure is logged and changes nothing; a MiddlewareError before the job (SkipMessage) is raised.
    """

    def __init__(self, broker: Serving, without: tuple[type[Middleware], ...] = ()) -> None:
        """Of middleware `without` no hook is called."""
        self._broker = broker
        self._without = without
        self._of_actor: dict[str, list[Middleware]] = {}

    @cached_property
    def _before(self) -> list[Middleware]:
        return self._who("before_process_message")

    @cached_property
    def _after(self) -> list[Middleware]:
        return self._who("after_process_message")

    @cached_property
    def _skipped(self) -> list[Middleware]:
        return self._who("after_skip_message")

    @cached_property
    def _at_end(self) -> dict[str, list[Middleware]]:
        return {hook: self._who(hook) for end in _AT_END for hook in (f"before_{end}", f"after_{end}")}

    def _who(self, hook: str) -> list[Middleware]:
        """The middleware that overrides a hook, in the order in which it is called."""
        ours = self._broker.middleware
        ordered = ours if hook.startswith("before") else reversed(ours)
        return [
            m
            for m in ordered
            if getattr(type(m), hook) is not getattr(Middleware, hook) and not isinstance(m, self._without)
        ]

    @cached_property
    def foreign(self) -> bool:
        """Whether others than jobctl's own do something around messages: nobody knows how long that takes."""
        around = [*self._before, *self._after, *self._skipped, *(m for who in self._at_end.values() for m in who)]
        return any(type(m) not in _QUICK and type(m) not in _BY_OPTION for m in around)

    def slow_after(self, message: HeldMessage) -> bool:
        """Whether what follows a message may take time: hooks of others, or what is to be enqueued."""
        return self.foreign or any(
            type(m) not in _QUICK for m in self._after_of(message.body.actor_name, message.body.options)
        )

    def _after_of(self, actor_name: str, options: Mapping[str, Any]) -> list[Middleware]:
        """Those that may do something after a message; most messages and actors have none of the options."""
        known = self._of_actor.get(actor_name)
        if known is None:
            known = self._of_actor[actor_name] = self._asked(self._broker.actors[actor_name].options)
        return self._asked({**options, **self._broker.actors[actor_name].options}) if options else known

    def _asked(self, options: Mapping[str, Any]) -> list[Middleware]:
        return [m for m in self._after if type(m) not in _BY_OPTION or not _BY_OPTION[type(m)].isdisjoint(options)]

    def before(self, message: MessageProxy) -> None:
        """Raises MiddlewareError as a hook does."""
        for middleware in self._before:
            try:
                middleware.before_process_message(self._broker, message)  # type: ignore[arg-type]
            except MiddlewareError:
                raise
            except Exception:  # noqa: BLE001 - as Dramatiq does: a middleware's defect must not fail the job
                _told("before_process_message", middleware)

    def after(self, message: HeldMessage, result: Any, failure: BaseException | None) -> None:
        """What a hook could not enqueue is `message.undone` then."""
        interested = self._after_of(message.body.actor_name, message.body.options)
        if not interested:
            return
        ending = self._broker.ending
        ending.message = message  # not by `ending.of`: this is on the way of every job
        try:
            for middleware in interested:
                try:
                    middleware.after_process_message(
                        self._broker,  # type: ignore[arg-type]
                        message,
                        result=result,
                        exception=failure,
                    )
                except Exception:  # noqa: BLE001 - as above
                    _told("after_process_message", middleware)
        finally:
            ending.message = None

    def skipped(self, message: HeldMessage) -> None:
        """A hook has skipped the message."""
        with self._broker.ending.of(message):
            self._call("after_skip_message", self._skipped, message)

    def again(self, message: HeldMessage, delay_ms: int) -> Message[Any] | None:
        """A retry, which Redis adds in the step that ends the attempt: to Dramatiq, the message is enqueued again.

        Returns the message as the hooks have left it; None if there are none.
        """
        if not (self._at_end["before_enqueue"] or self._at_end["after_enqueue"]):
            return None
        options = {"eta": current_millis() + delay_ms}
        if (retries := message.record.count - message.record.spent) > 0:
            options["retries"] = retries
        copy: Message[Any] = message.copy(queue_name=dq_name(message.reserved.queue), options=options)
        for hook in ("before_enqueue", "after_enqueue"):
            self._call(hook, self._at_end[hook], copy, delay_ms)
        return copy

    def ended(self, message: MessageProxy, *, dead: bool) -> None:
        """An attempt's outcome is decided: a dead letter is a nack to Dramatiq, everything else an ack."""
        if dead:
            message.fail()
        for hook in ("before_nack", "after_nack") if dead else ("before_ack", "after_ack"):
            if who := self._at_end[hook]:
                self._call(hook, who, message)

    def _call(self, hook: str, who: list[Middleware], *args: Any) -> None:
        for middleware in who:
            try:
                getattr(middleware, hook)(self._broker, *args)
            except BaseException:  # noqa: BLE001 - what becomes of the job is decided: nothing may get between
                _told(hook, middleware)


def _told(hook: str, middleware: Middleware) -> None:
    _log.critical("unexpected failure in %s of %r", hook, middleware, exc_info=True)
