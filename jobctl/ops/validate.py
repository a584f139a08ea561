"""Checks a catalog as a worker would before it starts."""

from __future__ import annotations

from pathlib import Path

from jobctl.catalog.load import load_text, read
from jobctl.catalog.model import Catalog
from jobctl.catalog.problems import Problem
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.preflight import check


def try_imports(path: Path) -> tuple[Catalog, tuple[Problem, ...]]:
    """The catalog and its warnings, after importing all that it names.

    In a process of its own, by the check that a worker makes when it starts. Raises CatalogError or UsageError.
    """
    text = read(path)
    catalog = load_text(text, str(path))
    found = check(ChildConfig(name="", catalog_path=str(path.absolute()), catalog_text=text, redis_url=""))
    return catalog, found.warnings
