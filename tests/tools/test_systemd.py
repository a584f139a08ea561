"""The units in deploy/, as systemd reads them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import Cli

FOLDER = Path(__file__).parents[2] / "deploy"
UNITS = [*sorted(FOLDER.glob("*.service")), *sorted(FOLDER.glob("*.timer"))]


@pytest.mark.tools("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    for each in {unit, unit.with_suffix(".service")}:  # a timer starts the service of its name
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", each.read_text(), flags=re.MULTILINE)
        (tmp_path / each.name).write_text(text)
    command = ["systemd-analyze", "verify", tmp_path / unit.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if unit.stem in line] == []  # it tells of other units, too


@pytest.mark.tools("systemd-analyze")
def test_systemd_finds_no_fault_with_what_deploy_writes(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text("version: 1\njobs: {a: {command: [echo]}}\n")
    assert cli("deploy", "systemd").code == 0
    for unit in sorted((cli.cwd / "deploy").glob("*.service")):
        command = ["systemd-analyze", "verify", unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if unit.stem in line] == []
