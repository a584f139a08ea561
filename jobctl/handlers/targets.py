"""`module:name` targets of the catalog, imported once when a worker starts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from jobctl.errors import UsageError


def load(target: str, job_type: str) -> Any:
    """The object that `module:name` (or `module:Class.name`) means. Raises UsageError in one line."""
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        raise UsageError(f"job {job_type}: {target!r} is not of the form module:name")
    found = _module(module_name, job_type)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise UsageError(f"job {job_type}: {module_name} has no {path!r}") from None
    if not callable(found):
        raise UsageError(f"job {job_type}: {target} is a {type(found).__name__}, not callable")
    return found


def _module(name: str, job_type: str) -> Any:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # importing runs the user's code, which may raise anything
        lines = str(error).splitlines() or [""]
        raise UsageError(
            f"job {job_type}: cannot import {name}: {type(error).__name__}: {lines[0]}",
            "is the module on the worker's PYTHONPATH?" if isinstance(error, ModuleNotFoundError) else "",
        ) from error
