"""Which module builds which kind of handler. A new kind is one module with `build`, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from jobctl.catalog.model import ActorSpec, CommandSpec, HttpSpec, JobType, PythonSpec
from jobctl.catalog.templates import TemplateProblem
from jobctl.errors import UsageError
from jobctl.handlers.base import Handler, Surroundings

_MODULES: Mapping[type, str] = {
    PythonSpec: "jobctl.handlers.python",
    CommandSpec: "jobctl.handlers.command",
    HttpSpec: "jobctl.handlers.http",
    ActorSpec: "jobctl.handlers.actor",
}


def build(job_type: JobType, *, env: Mapping[str, str] | None = None, folder: Path | None = None) -> Handler:
    """The handler of a job type: everything is imported and compiled here, once, when a worker starts.

    `env` is the worker's environment, `folder` the catalog's. Raises UsageError, in one line, for what cannot
    work: a target that does not import, a template that does not parse, a URL whose host is a template.
    """
    surroundings = Surroundings(job_type.name, env or {}, folder or Path())
    if job_type.isolate:
        from jobctl.handlers import isolated

        return isolated.build(job_type, surroundings)
    module = import_module(_MODULES[type(job_type.handler)])
    try:
        handler: Handler = module.build(job_type.handler, surroundings)
    except TemplateProblem as problem:
        raise UsageError(f"job {job_type.name}: {problem}") from problem
    return handler


def warm(handler: Handler) -> None:
    """Start what the handler keeps ready for its attempts, if it does; `cool` ends it."""
    getattr(handler, "warm", _nothing)()


def cool(handler: Handler) -> None:
    getattr(handler, "close", _nothing)()


def get_ready(handler: Handler) -> None:
    """Wait until the handler can run. Raises UsageError if it cannot."""
    getattr(handler, "get_ready", _nothing)()


def _nothing() -> None:
    """What handlers do that keep nothing."""


def enforces_deadline(handler: Handler) -> bool:
    """Whether the handler itself ends an attempt at its deadline or when it is cancelled.

    Commands, requests, coroutines and isolated jobs do. For a plain function the engine has to raise AttemptTimeout
    or AttemptCancelled in the thread that runs it.
    """
    return bool(getattr(handler, "enforces_deadline", False))
