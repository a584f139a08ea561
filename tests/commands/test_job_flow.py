"""`jobctl job priority|release`, as a user runs them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from tests.commands import made
from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  greet: {python: "tests.commands.work_tasks:greet", label: "{{ name }}"}
  once: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}", on_conflict: fail}}
  daily: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}", for: 24h, on_conflict: fail}}
  grave: {command: ["false"], unique: {key: all, hold_when_dead: true, on_conflict: fail}}
"""


@pytest.fixture
def shop(lab: Cli) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    return lab


def enqueue(shop: Cli, *args: str) -> str:
    done = shop("enqueue", *args)
    assert done.code in (0, 7), done.err
    return done.out.strip()


def priority_of(shop: Cli, job_id: str) -> int:
    return int(shop("job", "show", job_id, "-o", "json").json()["priority"])


def audit(store: Store) -> list[tuple[str, str, int, str]]:
    return [(entry.action, entry.target, entry.changed, entry.detail) for entry in store.audit.recent()]


@pytest.mark.parametrize(("given", "number"), [("high", -10), ("low", 10), ("-5", -5), ("1000", 1000)])
def test_a_waiting_job_gets_another_priority(shop: Cli, store: Store, given: str, number: int) -> None:
    job_id = enqueue(shop, "greet", "name=a")
    done = shop("job", "priority", job_id, given)

    assert (done.code, done.err) == (0, f"job {job_id} has priority {number}\n")
    assert priority_of(shop, job_id) == number
    assert audit(store) == [("job priority", job_id, 1, f"priority {number}")]
    again = shop("job", "priority", job_id, given, "-o", "json")
    assert (again.code, again.json()["skipped"]) == (0, 1)


def test_the_one_that_was_put_first_starts_first(shop: Cli, store: Store) -> None:
    ids = [enqueue(shop, "greet", f"name={n}") for n in range(3)]
    assert shop("job", "priority", ids[2], "high").code == 0
    assert shop("job", "priority", ids[0], "low").code == 0

    assert [job.id for job in store.settle.fetch("test", ["default"], 3).jobs] == [ids[2], ids[1], ids[0]]


def test_a_delayed_job_keeps_its_new_priority_until_it_is_due(shop: Cli, store: Store) -> None:
    job_id = enqueue(shop, "greet", "name=a", "--delay", "1h")
    assert shop("job", "priority", job_id, "high").code == 0

    record = shop("job", "show", job_id, "-o", "json").json()
    assert (record["state"], record["priority"]) == ("delayed", -10)


def test_what_runs_or_has_ended_has_no_priority_to_change(shop: Cli, store: Store) -> None:
    running, ended = enqueue(shop, "greet", "name=a"), enqueue(shop, "greet", "name=b")
    made.begin(store, store.settle.fetch("test", ["default"], 1).jobs)
    shop("job", "cancel", ended)
    done = shop("job", "priority", running, ended, "nope", "high")

    assert done.code == 4
    assert [line.split(" is ")[1].split(":")[0] for line in done.err.splitlines()[1:]] == ["running", "cancelled"]
    assert audit(store)[0][0] == "job cancel"


def test_a_priority_by_filter_wants_a_plan_or_a_yes(shop: Cli) -> None:
    ids = [enqueue(shop, "greet", f"name=u{n}") for n in range(3)]
    plan = shop("job", "priority", "job:greet", "label:u*", "high", "--dry-run")

    assert (plan.code, plan.err.splitlines()[-1]) == (0, "would give priority -10 to 3 jobs; nothing was changed")
    assert shop("job", "priority", "job:greet", "high").code == 5
    assert [priority_of(shop, job_id) for job_id in ids] == [0, 0, 0]
    assert shop("job", "priority", "job:greet", "high", "--yes", "--max", "3").code == 0
    assert [priority_of(shop, job_id) for job_id in ids] == [-10, -10, -10]
    assert shop("job", "priority", "job:none", "high", "--yes", "--max", "3").code == 4


@pytest.mark.parametrize("args", [["x"], ["x", "urgent"], ["x", "1001"], ["x", "-1001"]])
def test_a_wrong_priority_is_one_line_and_exit_2(shop: Cli, args: list[str]) -> None:
    done = shop("job", "priority", *args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_a_released_key_is_free_for_the_next_job(shop: Cli, store: Store) -> None:
    first = enqueue(shop, "once", "name=a")
    assert shop("enqueue", "once", "name=a").code == 8
    done = shop("job", "release", first)

    assert (done.code, done.err) == (0, f"job {first} no longer holds its unique key\n")
    assert audit(store) == [("job release", first, 1, "")]
    assert shop("job", "show", first, "-o", "json").json()["state"] == "waiting"
    second = enqueue(shop, "once", "name=a")
    assert shop("job", "release", first).code == 4
    assert shop("job", "release", second).code == 0


def test_a_job_that_holds_no_key_is_exit_4(shop: Cli, store: Store) -> None:
    done = shop("job", "release", enqueue(shop, "greet", "name=a"))

    assert (done.code, done.err.count("\n")) == (4, 1)
    assert "holds no unique key" in done.err
    assert audit(store) == []


def test_the_key_of_an_ended_job_can_be_freed(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    for args in (["daily", "name=a"], ["grave"]):
        ended = enqueue(shop, *args, "--wait")
        assert shop("enqueue", *args).code == 8
        assert shop("job", "release", ended).code == 0
        assert enqueue(shop, *args) != ended


def test_keys_are_freed_by_filter(shop: Cli) -> None:
    ids = [enqueue(shop, "once", "name=a"), enqueue(shop, "once", "name=b"), enqueue(shop, "greet", "name=c")]
    done = shop("job", "release", "queue:default", "--yes", "--max", "3", "-o", "json")

    assert (done.code, done.json()) == (0, {"matched": 3, "changed": 2, "skipped": 1, "failed": 0})
    assert f"job {ids[2]} holds no unique key" in done.err
    assert shop("job", "release", "queue:default", "--yes", "--max", "3").code == 4
