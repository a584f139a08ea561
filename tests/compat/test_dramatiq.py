"""Dramatiq's own tests of its Redis broker, run on ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import redis

from tests.compat import sdist
from tests.compat.deviations import DEVIATIONS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs" / "dramatiq.md"


def test_dramatiqs_tests_of_its_redis_broker_pass_on_ours(
    tmp_path: Path, redis_client: redis.Redis, redis_url: str
) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "__init__.py").touch()
    shutil.copy(sdist.find() / "test_redis.py", suite)
    shutil.copy(HERE / "suite_conftest.py", suite / "conftest.py")
    shutil.copy(HERE / "suite_common.py", suite / "common.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts =\n")
    known = set(re.findall(r"^def (test_\w+)", (suite / "test_redis.py").read_text(), re.MULTILINE))
    assert set(DEVIATIONS) <= known, "a deviation names a test that is not there any more"
    skipped = [part for name in DEVIATIONS for part in ("--deselect", f"suite/test_redis.py::{name}")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *skipped, "suite"],
        cwd=tmp_path,
        env={**os.environ, "COMPAT_REDIS_URL": redis_url, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert f"{len(known) - len(DEVIATIONS)} passed, {len(DEVIATIONS)} deselected" in ran.stdout


def test_the_document_lists_the_deviations_with_their_reasons() -> None:
    rows = re.findall(r"^\| `(test_\w+)` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert dict(rows) == DEVIATIONS
