"""No payload becomes part of what a shell or another interpreter runs."""

from __future__ import annotations

import pytest

from jobctl.catalog.kinds.shells import code_templates

X = "{{ x }}"


@pytest.mark.parametrize(
    ("argv", "at"),
    [
        (["bash", "-c", f"echo {X}"], 2),
        (["sh", "-ec", f"echo {X}"], 2),
        (["/bin/bash", "--norc", "-x", "-c", f"echo {X}"], 4),
        (["bash", "-o", "errexit", "-c", f"echo {X}"], 4),
        (["bash", "-c", "-e", f"echo {X}"], 3),
        (["env", "bash", "-c", f"echo {X}"], 3),
        (["env", "-i", "A=b", "/usr/bin/dash", "-c", f"echo {X}"], 5),
        (["timeout", "5", "sh", "-c", f"echo {X}"], 4),
        (["sudo", "-u", "app", "nice", "zsh", "-lc", f"echo {X}"], 6),
        (["busybox", "sh", "-c", f"echo {X}"], 3),
        (["find", ".", "-exec", "sh", "-c", f"cat {X}", ";"], 5),
        (["bash", X], 1),
        (["bash", X, "-c"], 1),
        (["env", "-S", f"bash -c {X}"], 2),
        (["env", f"-Sbash -c {X}"], 1),
        (["env", f"--split-string=bash -c {X}"], 1),
        (["su", "app", "-c", f"echo {X}"], 3),
        (["su", f"--command=echo {X}"], 1),
        (["flock", "/run/lock", "-c", f"echo {X}"], 3),
        (["ssh", "host", f"rm {X}"], 2),
        (["python3.11", "-c", f"print({X})"], 2),
        (["perl", "-ne", X], 2),
        (["node", "--eval", X], 2),
    ],
)
def test_a_template_that_would_become_code_is_found(argv: list[str], at: int) -> None:
    assert code_templates(argv) == [at]


@pytest.mark.parametrize(
    "argv",
    [
        ["sh", "-c", 'echo "$1"', "sh", X],
        ["env", f"A={X}", "sh", "-c", 'echo "$A"'],
        ["timeout", X, "backup", "--to", X],
        ["bash", "run.sh", X],
        ["bash", "run.sh", "-c", X],
        ["python3", "report.py", X],
        ["rsync", "-e", "ssh", X, "host:/srv"],
        ["useradd", "-s", "/bin/bash", X],
        ["pg_dump", "-Fc", "--file", X, "--", X],
        ["echo", f"bash -c {X}"],
    ],
)
def test_a_template_that_stays_an_argument_is_fine(argv: list[str]) -> None:
    assert code_templates(argv) == []
