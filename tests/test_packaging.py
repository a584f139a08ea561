"""What is installed: the wheel holds every file that the program reads, and works from where it lies."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import clean_environment

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [*PIP, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.timeout(300)
def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    scripts = {f"jobctl/store/scripts/{path.name}" for path in (ROOT / "jobctl/store/scripts").glob("*.lua")}
    assert scripts <= names
    assert scripts
    assert {
        "jobctl/data/jobs.yaml.example",
        "jobctl/data/tasks.py.example",
        "jobctl/data/completions/jobctl.bash",
        "jobctl/data/completions/_jobctl",
        "jobctl/data/completions/jobctl.fish",
        "jobctl/py.typed",
        *(f"jobctl/data/deploy/{path.name}" for path in (ROOT / "deploy").iterdir()),
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.mark.timeout(300)
def test_the_command_runs_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    work = tmp_path / "work"
    work.mkdir()
    env = clean_environment(work) | {"PYTHONPATH": os.pathsep.join([str(target)])}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jobctl", *args], cwd=work, env=env, capture_output=True, text=True, check=False
        )

    where = subprocess.run(
        [sys.executable, "-c", "import jobctl; print(jobctl.__file__)"],
        cwd=work,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(target))
    assert run("version").stdout.startswith("jobctl ")
    assert run("init").returncode == 0
    assert run("validate", "--import").returncode == 0
