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


def _overrides(middleware: Middleware, hook: str) -> bool:
    return getattr(type(middleware), hook) is not getattr(Middleware, hook)
