"""Commands, workers and schedulers on a namespace that another version of jobctl wrote, or has migrated meanwhile."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from tests.project import Project, Started
from tests.store.test_migrate import load
from tests.support import eventually

NEWER = "namespace test has layout 3, this jobctl needs layout 2; upgrade jobctl here"

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


@pytest.fixture
def old(project: Project) -> Project:
    """The namespace of jobctl at 7dfb4a3, and a catalog that knows its jobs."""
    load(project.store.connection)
    project.write("jobs.yaml", OLD_CATALOG)
    project.write("work.py", "def ok(**more): ...\n")
    return project


OLD_CATALOG = """\
version: 1
namespace: old
defaults: {retries: {max: 0}}
jobs:
  ok: {python: "work:ok"}
  bad: {python: "work:ok"}
  worse: {python: "work:ok"}
  flaky: {python: "work:ok"}
  second: {python: "work:ok"}
  slow: {python: "work:ok", queue: slow}
  single: {python: "work:ok", queue: narrow, concurrency: 1}
  keyed: {python: "work:ok", unique: {key: "{{ n }}"}, queue: later}
  noisy: {python: "work:ok"}
  spare: {python: "work:ok", queue: spare}
  idle: {python: "work:ok", queue: idle}
"""


@pytest.mark.inconsistent
def test_without_a_terminal_migrate_needs_yes_and_a_dry_run_changes_nothing(old: Project) -> None:
    client = old.store.connection
    before = {key: client.dump(key) for key in client.keys("*")}
    refused, looked = old.cli("migrate"), old.cli("migrate", "--dry-run", "-o", "json")
    assert (refused.code, looked.code) == (5, 0)
    assert "--yes" in refused.err
    parts = {part["state"] for part in looked.json()["parts"]}
    assert parts >= {"records", "error groups", "emptied jobs", "remembered ids", "reservations", "limited jobs"}
    assert {key: client.dump(key) for key in client.keys("*")} == before
    assert "run `jobctl migrate`" in old.cli("queue", "ls").err


def test_after_migrate_workers_finish_everything(old: Project) -> None:
    ran = old.cli("migrate", "--yes", "-o", "json")
    assert (ran.code, ran.json()["failed"]) == (0, 0)
    assert old.cli("migrate", "--yes").code == 0
    assert "needs no migration" in old.cli("migrate", "--yes").err
    assert old.cli("queue", "resume", "idle").code == 0
    for terms in (["state:retrying"], ["state:delayed"]):
        ids = old.cli("job", "ls", *terms, "-o", "name").lines()
        assert old.cli("job", "promote", *ids).code == 0
    assert old.cli("dead", "retry", "--all", "--yes", "--max", "100").code == 0
    old.worker()
    store = Store(old.store.connection, "old")

    def done() -> bool:
        depths = store.queues.depth(store.queues.registered())
        return not any(row.waiting or row.limited or row.dead or row.delayed or row.retrying for row in depths)

    eventually(done)
