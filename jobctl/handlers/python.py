"""`python: module:callable`: a function, sync or async, called with the payload as keyword arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from jobctl.catalog.kinds.python import PythonSpec
from jobctl.handlers.base import Attempt, Handler, Surroundings, interruption
from jobctl.handlers.forks import ends_in_forks
from jobctl.handlers.targets import load


class PythonHandler(Handler):
    """Calls one callable. A worker awaits an async one on its event loop; elsewhere it gets a loop of its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.enforces_deadline = self.on_loop = _is_async(function)

    def start(self, attempt: Attempt) -> Coroutine[Any, Any, Any]:
        coroutine: Coroutine[Any, Any, Any] = self.function(*attempt.args, **attempt.payload)
        return coroutine

    def __call__(self, attempt: Attempt) -> Any:
        if attempt.cancel.cancelled:
            raise interruption(attempt)
        with ends_in_forks():
            result = self.function(*attempt.args, **attempt.payload)
        if inspect.iscoroutine(result):
            from jobctl.handlers.coroutines import run

            return run(result, attempt, self.loop)
        return result


def build(spec: PythonSpec, surroundings: Surroundings) -> PythonHandler:
    """Import the callable. Raises UsageError."""
    return PythonHandler(load(spec.target, surroundings.job_type))


def _is_async(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object whose `__call__` is an async def
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
