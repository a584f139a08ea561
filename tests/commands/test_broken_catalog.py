"""A broken catalog does not keep anybody from looking."""

from __future__ import annotations

import pytest

from tests.support import Cli

SECRET = "ada@example.com"


@pytest.fixture
def broken(lab: Cli) -> tuple[Cli, str]:
    """The command in a folder whose catalog was broken after a job was enqueued, and the job's id."""
    job_id = lab("enqueue", "greet", f"name={SECRET}").out.strip()
    path = lab.cwd / "jobs.yaml"
    path.write_text(path.read_text() + "  odd: {comand: [x]}\n")
    return lab, job_id


@pytest.mark.parametrize(
    "command",
    [
        ("queue", "ls"),
        ("queue", "show", "default"),
        ("job", "ls"),
        ("dead", "ls"),
        ("dead", "groups"),
        ("ps",),
        ("limit", "ls"),
    ],
    ids=" ".join,
)
def test_who_looks_is_told_in_one_line_and_goes_on(broken: tuple[Cli, str], command: tuple[str, ...]) -> None:
    done = broken[0](*command, "-o", "json")
    assert done.code == 0, done.err
    assert done.err.count("continuing without the catalog, with payloads hidden") == 1
    assert SECRET not in done.out


def test_all_payloads_are_hidden_unless_they_are_asked_for(broken: tuple[Cli, str]) -> None:
    cli, job_id = broken
    shown = cli("job", "show", job_id, "-o", "json")
    assert shown.code == 0
    assert shown.json()["payload"] == {"name": "[redacted]"}
    assert SECRET not in shown.out
    assert cli("job", "show", job_id, "--unredacted", "-o", "json").json()["payload"] == {"name": SECRET}


@pytest.mark.parametrize(
    "command", [("job", "cancel"), ("job", "retry"), ("dead", "retry", "--yes", "--max=1")], ids=" ".join
)
def test_who_changes_something_needs_a_sound_catalog_or_names_the_namespace(
    broken: tuple[Cli, str], command: tuple[str, ...]
) -> None:
    cli, job_id = broken
    done = cli(*command, job_id)
    assert (done.code, "run `jobctl validate`" in done.err or "comand" in done.err) == (2, True)
    assert cli("job", "cancel", job_id, "--namespace", "lab").code == 0


def test_a_namespace_that_cannot_be_read_must_be_named(lab: Cli) -> None:
    (lab.cwd / "jobs.yaml").write_text("version: 1\nnamespace: [lab\n")
    assert lab("queue", "ls").code == 2
    assert lab("queue", "ls", "--namespace", "lab").code == 4, "it is read, and empty"
