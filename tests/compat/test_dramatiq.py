"""Dramatiq's own tests, run on JobctlBroker in the place of its Redis broker and of its StubBroker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.compat import sdist
from tests.compat.deviations import DEVIATIONS, LEFT_OUT

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs" / "dramatiq.md"
OF_REDIS, OF_COMPOSITION = ("test_redis",), ("test_composition", "test_results")
MODULES = sorted({path.stem for path in sdist.find().glob("test_*.py")} - set(LEFT_OUT))
REST = tuple(module for module in MODULES if module not in (*OF_REDIS, *OF_COMPOSITION))


def names_in(module: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", (sdist.find() / f"{module}.py").read_text(), re.MULTILINE))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("modules", [OF_REDIS, OF_COMPOSITION, REST], ids=["redis", "composition", "rest"])
def test_dramatiqs_own_tests_pass_on_our_broker(
    modules: tuple[str, ...], tmp_path: Path, redis_client: redis.Redis, redis_url: str
) -> None:
    """In three processes, so that they can run side by side: most of it is waiting."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "__init__.py").touch()
    for part in ("conftest", "broker", "stub", "common"):
        shutil.copy(HERE / f"suite_{part}.py", suite / f"{part}.py")
    for module in modules:
        shutil.copy(sdist.find() / f"{module}.py", suite)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts =\n")
    skipped = [f"suite/{module}.py::{test}" for module in modules for test in names_in(module) & DEVIATIONS.keys()]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"--deselect={test}" for test in skipped)],
        cwd=tmp_path,
        env={**os.environ, "COMPAT_REDIS_URL": redis_url, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    found = re.search(r"(\d+) passed(?:, (\d+) deselected)? in", ran.stdout)
    assert found, ran.stdout[-1000:]  # nothing was skipped
    assert int(found[1]) >= sum(len(names_in(module)) for module in modules) - len(skipped)
    assert int(found[2] or 0) == len(skipped)


def test_what_is_left_out_is_there() -> None:
    """Otherwise a deviation would name a test that is not there any more."""
    assert DEVIATIONS.keys() <= set().union(*map(names_in, MODULES))
    assert LEFT_OUT.keys() <= {path.stem for path in sdist.find().glob("test_*.py")}


def test_the_document_lists_what_is_left_out_with_its_reason() -> None:
    rows = dict(re.findall(r"^\| `(test_\w+)` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE))
    assert rows == DEVIATIONS | {f"{module}": reason for module, reason in LEFT_OUT.items()}
