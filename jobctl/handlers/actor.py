"""`actor: module:name`: an existing Dramatiq actor, run as the function that it wraps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.errors import UsageError
from jobctl.handlers.base import Surroundings
from jobctl.handlers.python import PythonHandler
from jobctl.handlers.targets import load


class ActorHandler(PythonHandler):
    """Calls the actor's function."""

    def __init__(self, actor: Any) -> None:
        super().__init__(_function(actor))
        self.actor = actor


def build(spec: ActorSpec, surroundings: Surroundings) -> ActorHandler:
    """Import the actor, which declares itself on the broker that is set by then. Raises UsageError."""
    actor = load(spec.target, surroundings.job_type)
    if not all(hasattr(actor, name) for name in ("actor_name", "fn", "send")):  # also one that flask-dramatiq wraps
        raise UsageError(
            f"job {surroundings.job_type}: {spec.target} is not a Dramatiq actor",
            "use `python:` for a plain function",
        )
    return ActorHandler(actor)


def _function(actor: Any) -> Callable[..., Any]:
    """The function as it was written: Dramatiq wraps an async one for its own AsyncIO middleware."""
    function: Callable[..., Any] = actor.fn
    written_by = getattr(function, "__globals__", {}).get("__name__")
    return inspect.unwrap(function) if written_by == "dramatiq.asyncio" else function
