"""The completion scripts, in the shells they are for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Cli, eventually

FOLDER = Path(__file__).parents[2] / "completions"
BASH = """\
source {folder}/jobctl.bash
complete -p jobctl
COMP_WORDS=(jobctl queue pau) COMP_CWORD=2
_jobctl_completion jobctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """\
fpath=({folder} $fpath)
autoload -Uz compinit && compinit -u -D
PS1=rea''dy:
"""


@pytest.fixture
def path(cli: Cli) -> dict[str, str]:
    """An environment in which a shell finds `jobctl`."""
    folder = cli.cwd / "bin"
    folder.mkdir()
    command = folder / "jobctl"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jobctl "$@"\n')
    command.chmod(0o755)
    return {**cli.env, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb", "LC_ALL": "C"}


def said_by(shell: list[str], path: dict[str, str]) -> list[str]:
    ran = subprocess.run(shell, env=path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@pytest.mark.tools("bash")
def test_bash_completes_a_command(path: dict[str, str]) -> None:
    registered, *offered = said_by(["bash", "--norc", "-c", BASH.format(folder=FOLDER)], path)
    assert registered.endswith("_jobctl_completion jobctl")
    assert offered == ["pause"]


@pytest.mark.tools("fish")
def test_fish_completes_a_command_and_describes_it(path: dict[str, str]) -> None:
    script = f"source {FOLDER}/jobctl.fish; complete -C 'jobctl queue pau'"
    [line] = said_by(["fish", "--no-config", "-c", script], path)
    name, description = line.split("\t")
    assert name == "pause"
    assert description


@pytest.mark.tools("zsh")
def test_zsh_completes_a_command_when_tab_is_pressed(path: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], env=path, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = ""

    def shows(text: str) -> bool:
        nonlocal seen
        seen += os.read(ours, 65_536).decode(errors="replace")
        return text in seen

    try:
        os.write(ours, ZSH.format(folder=FOLDER).encode())
        eventually(lambda: shows("ready:"))
        os.write(ours, b"jobctl queue pau\t")
        eventually(lambda: shows("jobctl queue pause "), what=f"the completion in {seen!r}")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
