"""A kind of handler plugs in: its two modules, and its name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import jobctl
from jobctl.catalog.kinds import KINDS, NAMES
from jobctl.catalog.load import load_text
from jobctl.catalog.problems import CatalogError

PAUSE_CATALOG = """
from jobctl.catalog.kinds.base import Kind, Spec


class PauseSpec(Spec, frozen=True, tag="pause"):
    seconds: float


class _PauseKind(Kind):
    spec = PauseSpec

    def field(self):
        from jobctl.catalog.readers import DELAY
        from jobctl.catalog.shapes import Field

        return Field(DELAY, "For how long to do nothing.")

    def read(self, value, path, report):
        return PauseSpec(value / 1000)


KIND = _PauseKind()
"""
PAUSE_HANDLER = """
from jobctl.handlers.base import Handler


class PauseHandler(Handler):
    def __init__(self, spec):
        self.seconds = spec.seconds

    def __call__(self, attempt):
        return {"paused": self.seconds}


def build(spec, surroundings):
    return PauseHandler(spec)
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_read_and_run_by_modules_of_its_name(name: str) -> None:
    assert KINDS[name].name == name
    assert callable(import_module(f"jobctl.handlers.{name}").build)


def test_what_is_no_kind_is_an_error_at_load() -> None:
    with pytest.raises(CatalogError) as caught:
        load_text("version: 1\njobs: {a: {pause: 20ms}}")
    assert "jobs.a.pause: unknown key `pause`" in "".join(map(str, caught.value.problems))


def test_a_new_kind_is_two_modules_and_its_name(tmp_path: Path) -> None:
    package = shutil.copytree(Path(jobctl.__file__).parent, tmp_path / "jobctl")
    (package / "catalog" / "kinds" / "pause.py").write_text(PAUSE_CATALOG)
    (package / "handlers" / "pause.py").write_text(PAUSE_HANDLER)
    registry = package / "catalog" / "kinds" / "__init__.py"
    registry.write_text(registry.read_text().replace("NAMES = (", 'NAMES = ("pause", '))
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {pause: 20ms}}")

    def run(*argv: str) -> str:
        env = {"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "jobctl", *argv], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "pause" in run("validate", "--schema")
    for _ in range(2):  # the second is from what was kept of the first
        assert json.loads(run("run", "a", "-o", "json"))["result"] == {"paused": 0.02}
