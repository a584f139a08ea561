"""Whether a payload fits the schema of its job type: asked by workers before each attempt, wherever the job came from.

Anyone who can write to Redis can write a message, so what was checked when a job was enqueued says nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jobctl.catalog.model import JobType
from jobctl.catalog.payload import validator
from jobctl.errors import UsageError
from jobctl.store.data.codec import ARGS_KEY, Body

Fit = Callable[[Body], "str | None"]
"""Fills the schema's defaults into a body's payload; says why it does not fit, None if it does."""


def fitting(job_type: JobType, function: Callable[..., Any] | None) -> Fit | None:
    """The check of a job type's payloads; None if any will do. `function` is what is called with them, if one is.

    Positional arguments of a stock message are held to the schema under the names of the function's parameters.
    """
    if not job_type.payload_schema:
        return None
    check = validator(job_type)

    def fit(body: Body) -> str | None:
        try:
            if body.args and job_type.isolate:
                raise UsageError("positional arguments of an isolated job cannot be checked against its schema")
            if body.args:
                check.fit(_named(function, body))
            else:
                body.kwargs = check.fit(body.kwargs)
        except (UsageError, RecursionError) as problem:
            return str(problem) or "the payload is nested too deeply"
        return None

    return fit


def _named(function: Callable[..., Any] | None, body: Body) -> dict[str, Any]:
    """The arguments by name. What cannot be named keeps the place that it has in a payload."""
    if function is None:
        return body.kwargs
    try:
        bound = inspect.signature(function).bind_partial(*body.args, **body.kwargs)
    except (TypeError, ValueError):
        return {ARGS_KEY: body.args, **body.kwargs}
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        match bound.signature.parameters[name].kind:
            case inspect.Parameter.VAR_KEYWORD:
                named |= value
            case inspect.Parameter.VAR_POSITIONAL:
                named[ARGS_KEY] = list(value)
            case _:
                named[name] = value
    return named
