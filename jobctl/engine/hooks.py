"""Dramatiq's middleware hooks around one message, without calling those that nobody overrides."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware, MiddlewareError

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
    def _at_end(self) -> dict[str, list[Middleware]]:
        middleware = self._broker.middleware
        return {
            name: [
                m for m in (middleware if name.startswith("before") else reversed(middleware)) if _overrides(m, name)
            ]
            for name in ("before_ack", "after_ack", "before_nack", "after_nack")
        }

    def before(self, message: MessageProxy) -> None:
        for middleware in self._before:
            try:
                middleware.before_process_message(self._broker, message)
            except MiddlewareError:
                raise
            except Exception:  # noqa: BLE001 - as Dramatiq does: a middleware's defect must not fail the job
                _log.critical("unexpected failure in before_process_message of %r", middleware, exc_info=True)

    def after(self, message: MessageProxy, result: Any, failure: BaseException | None) -> None:
        for middleware in self._after:
            try:
                middleware.after_process_message(self._broker, message, result=result, exception=failure)
            except Exception:  # noqa: BLE001 - as above
                _log.critical("unexpected failure in after_process_message of %r", middleware, exc_info=True)

    def ended(self, message: MessageProxy, *, dead: bool) -> None:
        """An attempt's outcome is decided: a dead letter is a nack to Dramatiq, everything else an ack."""
        if dead:
            message.fail()
        for name in ("before_nack", "after_nack") if dead else ("before_ack", "after_ack"):
            for middleware in self._at_end[name]:
                try:
                    getattr(middleware, name)(self._broker, message)
                except Exception:  # noqa: BLE001 - as above
                    _log.critical("unexpected failure in %s of %r", name, middleware, exc_info=True)


def _overrides(middleware: Middleware, hook: str) -> bool:
    return getattr(type(middleware), hook) is not getattr(Middleware, hook)
