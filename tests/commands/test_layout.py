"""Commands, workers and schedulers on a namespace that another version of jobctl wrote, or has migrated meanwhile."""

from __future__ import annotations

import pytest

from tests.project import Project, Started
from tests.support import eventually

NEWER = "namespace test has layout 3, this jobctl works with layout 2; upgrade jobctl here"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("enqueue", "fail"),
    ("job", "ls"),
    ("job", "show", "no-such-job"),
    ("job", "cancel", "no-such-job"),
    ("queue", "ls"),
    ("queue", "pause", "default"),
    ("queue", "empty", "default", "--yes"),
    ("dead", "ls"),
    ("dead", "groups"),
    ("dead", "retry", "--all", "--yes"),
    ("limit", "ls"),
    ("tail",),
    ("ps",),
    ("worker",),
    ("scheduler",),
)


def migrate_elsewhere(project: Project) -> None:
    """As another version's `jobctl migrate` would."""
    project.store.connection.set(project.store.keys.layout(), "3")


@pytest.mark.inconsistent
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_newer_namespace_is_refused_in_one_line(project: Project, command: tuple[str, ...]) -> None:
    migrate_elsewhere(project)
    before = project.store.connection.keys("*")
    ran = project.cli(*command)
    assert (ran.out, ran.err, ran.code) == ("", f"jobctl: {NEWER}\n", 2)
    assert project.store.connection.keys("*") == before


@pytest.mark.inconsistent
@pytest.mark.parametrize("kind", ["worker", "scheduler"])
def test_a_process_whose_namespace_is_migrated_ends_and_loses_nothing(project: Project, kind: str) -> None:
    process: Started = project.start(kind).ready()
    running = project.client.enqueue("gate", {"n": 1}).id
    if kind == "worker":
        eventually(lambda: project.ledger()[1])
    migrate_elsewhere(project)
    process.said(NEWER.replace("; upgrade jobctl here", ""))
    (project.folder / "open").touch()
    assert process.ended() == 2
    project.store.connection.set(project.store.keys.layout(), "2")
    assert project.client.job(running).state in ("running", "waiting")


@pytest.mark.inconsistent
def test_up_refuses_a_newer_namespace(project: Project) -> None:
    migrate_elsewhere(project)
    ran = project.cli("up")
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"jobctl: {NEWER}")
