"""`validate --import` imports what the worker will import, from the catalog's folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jobctl.catalog.imports import check_imports
from jobctl.catalog.load import load

MODULE = "catalog_import_target"


@pytest.fixture
def check(tmp_path: Path) -> object:
    """Checks one target against a module of the given source; the problems as text."""

    def run(key: str, source: str) -> list[str]:
        sys.modules.pop(MODULE, None)
        (tmp_path / f"{MODULE}.py").write_text(source)
        (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n  a:\n    {key}\n")
        before = list(sys.path)
        try:
            return [str(problem) for problem in check_imports(load(tmp_path / "jobs.yaml"))]
        finally:
            assert sys.path == before
            sys.modules.pop(MODULE, None)

    return run


def test_a_target_that_can_be_called_is_no_problem(check) -> None:  # type: ignore[no-untyped-def]
    assert check(f"python: {MODULE}:Tasks.run", "class Tasks:\n    def run(): ...\n") == []


@pytest.mark.parametrize(
    ("key", "source", "problem"),
    [
        (f"python: {MODULE}:sned", "def send(): ...", "has no attribute 'sned'; did you mean `send`?"),
        ("python: no_such_module_at_all:f", "", "does not import: ModuleNotFoundError"),
        (f"python: {MODULE}:f", "1 / 0", "does not import: ZeroDivisionError: division by zero"),
        (f"python: {MODULE}:f", "raise SystemExit(3)", "does not import: SystemExit: 3"),
        (f"python: {MODULE}:f", "def (:", "does not import: SyntaxError"),
        (f"python: {MODULE}:f", "f = 5", "expected something to call, found"),
        (f"actor: {MODULE}:f", "def f(): ...", "expected a Dramatiq actor, found"),
    ],
)
def test_a_target_that_cannot_run_is_placed(check, key: str, source: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    (found,) = check(key, source)
    assert problem in found
    assert ":4:13: jobs.a.python: " in found or ":4:12: jobs.a.actor: " in found


def test_a_dramatiq_actor_is_accepted(check) -> None:  # type: ignore[no-untyped-def]
    source = (
        "import dramatiq\nfrom dramatiq.brokers.stub import StubBroker\n"
        "f = dramatiq.actor(broker=StubBroker())(lambda: None)\n"
    )
    assert check(f"actor: {MODULE}:f", source) == []
