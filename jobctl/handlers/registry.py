"""Builds handlers: what runs a kind is `build` of the module here that has the kind's name (catalog/kinds)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from jobctl.catalog.model import JobType
from jobctl.catalog.templates import TemplateProblem
from jobctl.errors import UsageError
from jobctl.handlers.base import Handler, Surroundings


def build(
    job_type: JobType,
    *,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    lifespan: str | None = None,
) -> Handler:
    """The handler of a job type: everything is imported and compiled here, once, when a worker starts.

    `env` is the worker's environment, `folder` the catalog's, `lifespan` its `worker.lifespan`. Raises UsageError, in
    one line, for what cannot work: a target that does not import, a template that does not parse, a URL whose host is a
    template.
    """
    surroundings = Surroundings(job_type.name, env or {}, folder or Path(), lifespan)
    if job_type.isolate:
        from jobctl.handlers import isolated

        return isolated.build(job_type, surroundings)
    module = import_module(f"{__package__}.{job_type.handler.kind}")
    try:
        handler: Handler = module.build(job_type.handler, surroundings)
    except TemplateProblem as problem:
        raise UsageError(f"job {job_type.name}: {problem}") from problem
    return handler
