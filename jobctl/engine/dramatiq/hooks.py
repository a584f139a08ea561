"""Dramatiq's middleware hooks around one message, without calling those that nobody overrides."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Callbacks, Middleware, MiddlewareError, Pipelines

from jobctl.engine.dramatiq.holding import HeldMessage

_BY_OPTION: Mapping[type[Middleware], frozenset[str]] = {
    Callbacks: frozenset({"on_success", "on_failure"}),
    Pipelines: frozenset({"pipe_target"}),
}
"""Middleware that does nothing after a message without one of these options."""
_ACK, _NACK = ("before_ack", "after_ack"), ("before_nack", "after_nack")

_log = logging.getLogger("jobctl.worker")


class Hooks:
    """`before_process_message` in the order of the middleware, `after_process_message` in reverse, as Dramatiq does.

    A hook's own failure is logged and changes nothing; a MiddlewareError before the job (SkipMessage) is raised.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @cached_property
    def _before(self) -> list[Middleware]:
        return [m for m in self._broker.middleware if _overrides(m, "before_process_message")]

    @cached_property
    def _after(self) -> list[Middleware]:
        return [m for m in reversed(self._broker.middleware) if _overrides(m, "after_process_message")]

    @cached_property
    def _always_after(self) -> list[Middleware]:
        return [m for m in self._after if type(m) not in _BY_OPTION]

    def _after_of(self, actor_name: str, options: Mapping[str, Any]) -> list[Middleware]:
        """Those that may do something after a message; most messages and actors have no options at all."""
        actor = self._broker.actors[actor_name]
        if not options and not actor.options:
            return self._always_after
        given = {*options, *actor.options}
        return [m for m in self._after if type(m) not in _BY_OPTION or not _BY_OPTION[type(m)].isdisjoint(given)]

    @cached_property
    def _at_end(self) -> dict[str, list[Middleware]]:
        middleware = self._broker.middleware
        return {
            name: [
                m for m in (middleware if name.startswith("before") else reversed(middleware)) if _overrides(m, name)
            ]
            for name in _ACK + _NACK
        }

    def before(self, message: MessageProxy) -> None:
        for middleware in self._before:
            try:
                middleware.before_process_message(self._broker, message)
            except MiddlewareError:
                raise
            except Exception:  # noqa: BLE001 - as Dramatiq does: a middleware's defect must not fail the job
                _log.critical("unexpected failure in before_process_message of %r", middleware, exc_info=True)

    def after(self, message: HeldMessage, result: Any, failure: BaseException | None) -> None:
        for middleware in self._after_of(message.body.actor_name, message.body.options):
            try:
                middleware.after_process_message(self._broker, message, result=result, exception=failure)
            except Exception:  # noqa: BLE001 - as above
                _log.critical("unexpected failure in after_process_message of %r", middleware, exc_info=True)

    def ended(self, message: MessageProxy, *, dead: bool) -> None:
        """An attempt's outcome is decided: a dead letter is a nack to Dramatiq, everything else an ack."""
        if dead:
            message.fail()
        at_end = self._at_end
        for name in _NACK if dead else _ACK:
            for middleware in at_end[name]:
                try:
                    getattr(middleware, name)(self._broker, message)
                except Exception:  # noqa: BLE001 - as above
                    _log.critical("unexpected failure in %s of %r", name, middleware, exc_info=True)


def _overrides(middleware: Middleware, hook: str) -> bool:
    return getattr(type(middleware), hook) is not getattr(Middleware, hook)
