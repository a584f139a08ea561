"""Checks that the Python targets of a catalog import: `validate --import`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobctl.catalog.kinds import kind_of
from jobctl.catalog.kinds.base import Kind
from jobctl.catalog.model import Catalog, JobType
from jobctl.catalog.problems import Problem, did_you_mean, printable


def check_imports(catalog: Catalog) -> tuple[Problem, ...]:
    """A problem for each `python:` or `actor:` target that does not import or cannot be called.

    Imports the modules, as the worker will: the catalog's folder comes first on `sys.path` meanwhile.
    """
    with _on_path(folder(catalog)):
        checked = (_check(catalog, job) for job in catalog.jobs.values())
        return tuple(problem for problem in checked if problem is not None)


def folder(catalog: Catalog) -> str:
    """The folder that `module:name` targets are imported from: the catalog's own."""
    return str(Path(catalog.path or "jobs.yaml").resolve().parent)


def make_importable(catalog: Catalog) -> None:
    """From now on, what the catalog names is imported from its folder first."""
    place = folder(catalog)
    if place not in sys.path:
        sys.path.insert(0, place)


def import_target(target: str) -> Any:
    """What `module:name` names. Raises whatever the import raises, or AttributeError."""
    module, _, attributes = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in attributes.split("."):
        found = getattr(found, name)
    return found


def _check(catalog: Catalog, job: JobType) -> Problem | None:
    kind = kind_of(job.handler)
    target = kind.target(job.handler)
    reason = None if target is None else _reason(kind, target)
    return None if reason is None else placed(catalog, f"jobs.{job.name}.{kind.name}", *reason)


def placed(catalog: Catalog, where: str, message: str, hint: str = "") -> Problem:
    """A problem with the value at a dotted path of the catalog."""
    line, column = catalog.positions.get(where, (1, 1))
    return Problem(catalog.path or "jobs.yaml", line, column, where, message, hint)


def _reason(kind: Kind, target: str) -> tuple[str, str] | None:
    """What is wrong with a target and what may help."""
    found, problem = resolve(target)
    return kind.unfit(target, found) if problem is None else problem


def resolve(target: str) -> tuple[Any, tuple[str, str] | None]:
    """What a target names; or None, with why it does not import and what may help."""
    try:
        return import_target(target), None
    except AttributeError as error:
        names = dir(sys.modules.get(target.partition(":")[0], object()))
        return None, (f"`{target}` does not import: {error}", did_you_mean(target.rpartition(":")[2], names))
    except (Exception, SystemExit) as error:  # noqa: BLE001  a module may raise anything when imported
        return None, (f"`{target}` does not import: {in_a_line(error)}", "")


def in_a_line(error: BaseException) -> str:
    """The class and the start of the message of what imported code raised."""
    text = printable(" ".join(str(error).split())[:200])
    return f"{type(error).__name__}: {text}"


@contextmanager
def _on_path(place: str) -> Iterator[None]:
    importlib.invalidate_caches()
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
