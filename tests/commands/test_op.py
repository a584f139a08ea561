"""`jobctl op`: changes of jobs are written down, planned in a file, and applied as planned."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import redis

from jobctl.ops.bulk import letters
from jobctl.ops.bulk.plan import plan
from jobctl.ops.bulk.run import Run
from jobctl.ops.bulk.selection import choose
from jobctl.store import Store
from tests.commands import made
from tests.support import PATIENCE_S, Cli, eventually


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return made.store(redis_client)


def test_a_change_is_an_operation_with_what_it_was_to_do_and_what_became_of_it(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    made.dead(store, 1, error="TimeoutError")
    assert redis_cli("dead", "retry", "--all", "-y", "--max", "9", "--reason", "vendor is back").code == 0
    made.waiting(store, 2, job_type="other")
    assert redis_cli("job", "cancel", "job:other", "-y", "--max", "9").code == 0
    second, first = redis_cli("op", "ls", "-o", "json").json()
    told = ("action", "target", "state", "matched", "changed", "skipped", "failed", "left", "reason")
    assert [first[name] for name in told] == ["dead retry", "--all", "done", 3, 3, 0, 0, 0, "vendor is back"]
    assert [second[name] for name in told[:6]] == ["job cancel", "job:other", "done", 2, 2, 0]
    assert first["command"] == "jobctl dead retry --all -y --max 9 --reason 'vendor is back'"
    assert sorted((part["error"], part["count"]) for part in first["parts"]) == [("TimeoutError", 1), ("ValueError", 2)]
    assert len(first["samples"]) == 2  # one a group
    assert redis_cli("op", "show", first["id"], "-o", "json").json() == first
    shown = redis_cli("op", "show", first["id"])
    assert "vendor is back" in shown.out
    assert "TimeoutError" in shown.out
    assert [entry.operation for entry in store.audit.recent()] == [second["id"], first["id"]]
    assert redis_cli("op", "show", "nope").code == 4


def test_nothing_planned_is_an_operation_of_nothing(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    assert redis_cli("dead", "retry", "--all", "--dry-run").code == 0
    assert redis_cli("dead", "retry", "--all").code == 5
    assert redis_cli("dead", "retry", "job:none").code == 4
    nothing = redis_cli("op", "ls")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no operations yet\n")


def test_a_change_that_is_interrupted_says_so(redis_cli: Cli, store: Store) -> None:
    for _ in range(10):
        made.waiting(store, 2_000)
    process = redis_cli.start("job", "cancel", "--all", "-y", "--max", "20000")
    eventually(lambda: store.client.zcard(store.keys.cancelled("default")) > 0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    [row] = store.operations.latest(9)
    assert (row.state, row.why, row.left) == ("stopped", "interrupted", 20_000 - row.changed)
    assert row.changed == store.client.zcard(store.keys.cancelled("default"))


def test_a_change_whose_terminal_is_gone_is_not_shown_as_running_for_ever(redis_cli: Cli, store: Store) -> None:
    name = store.operations.begin(store.operations.intent("dead retry", "--all", "", 5, (), ()))
    assert redis_cli("op", "show", name, "-o", "json").json()["state"] == "running"
    store.client.hset(store.keys.operation(name), "seen", 1)
    row = redis_cli("op", "show", name, "-o", "json").json()
    assert (row["state"], row["left"], "terminal" in row["why"]) == ("stopped", 5, True)


def test_the_oldest_operations_make_room_and_running_ones_stay(store: Store) -> None:
    running = store.operations.begin(store.operations.intent("dead retry", "--all", "", 1, (), ()))
    paused = store.operations.begin(store.operations.intent("dead retry", "--all", "", 1, (), ()))
    store.client.hset(store.keys.operation(paused), "state", "paused")
    done = store.operations.begin(store.operations.intent("dead retry", "--all", "", 1, (), ()))
    store.operations.end(done, "done", changed=1, failed=0, skipped=0)
    for _ in range(998):
        store.operations.begin(store.operations.intent("dead retry", "--all", "", 1, (), ()))
    assert store.client.zcard(store.keys.operations()) == 1_000
    assert store.operations.find(done) is None
    assert store.operations.find(running) is not None
    assert store.operations.find(paused) is not None


def test_hostile_words_do_not_reach_the_terminal(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2, message="\x1b]0;owned\x07")
    assert redis_cli("dead", "retry", "--all", "-y", "--max", "9", "--reason", "\x1b[31mred").code == 0
    [row] = store.operations.latest(1)
    for command in (["op", "ls"], ["op", "show", row.id]):
        shown = redis_cli(*command)
        assert "\x1b" not in shown.out + shown.err


def test_a_plan_is_applied_to_its_jobs_and_to_no_others(redis_cli: Cli, store: Store) -> None:
    planned = made.dead(store, 5)
    plan = redis_cli("dead", "retry", "--all", "--plan", "retry.plan")
    assert (plan.code, "do it with `jobctl op apply retry.plan`" in plan.err) == (0, True), plan.err
    assert made.states(store, planned) == ["dead"] * 5
    late = made.dead(store, 2)
    assert redis_cli("job", "retry", planned[0]).code == 0
    assert redis_cli("dead", "discard", planned[1]).code == 0

    look = redis_cli("op", "apply", "retry.plan", "--dry-run", "-o", "json")
    assert (look.code, look.json()["matched"]) == (0, 3)
    assert "2 of 5 have moved since the plan was made: 1 discarded, 1 waiting" in look.err
    assert redis_cli("op", "apply", "retry.plan").code == 5
    done = redis_cli("op", "apply", "retry.plan", "-y", "--max", "3", "-o", "json")
    assert (done.code, done.json()["changed"]) == (0, 3)
    assert made.states(store, planned) == ["waiting", "discarded", *["waiting"] * 3]
    assert made.states(store, late) == ["dead"] * 2
    assert redis_cli("op", "apply", "retry.plan", "-y", "--max", "3").code == 4


def test_a_job_that_died_again_since_is_not_the_one_that_was_planned(redis_cli: Cli, store: Store) -> None:
    [job_id] = made.dead(store, 1)
    assert redis_cli("dead", "discard", "--all", "--plan", "x.plan").code == 0
    assert redis_cli("job", "retry", job_id).code == 0
    made.fail(store)
    ran = redis_cli("op", "apply", "x.plan")
    assert (ran.code, "1 dead again" in ran.err) == (4, True), ran.err
    assert made.states(store, [job_id]) == ["dead"]


def test_a_plan_knows_the_options_of_its_command(redis_cli: Cli, store: Store) -> None:
    ids = made.waiting(store, 3)
    assert redis_cli("job", "priority", "--all", "high", "--plan", "p.plan").code == 0
    assert redis_cli("op", "apply", "p.plan", "-y", "--max", "3").code == 0
    assert {store.jobs.find(job_id).priority for job_id in ids} == {-10}  # type: ignore[union-attr]
    assert redis_cli("queue", "empty", "default", "--plan", "e.plan").code == 0
    more = made.waiting(store, 1)
    assert redis_cli("op", "apply", "e.plan", "-y", "--max", "3").code == 0
    assert made.states(store, ids + more) == ["discarded"] * 3 + ["waiting"]


@pytest.mark.parametrize("priority", ["1.5", '"high"', "1001", "true", "1e400"])
def test_a_forged_plan_gives_no_priority_that_there_is_not(redis_cli: Cli, store: Store, priority: str) -> None:
    [job_id] = made.waiting(store, 1)
    assert redis_cli("job", "priority", job_id, "high", "--plan", "p.plan").code == 0
    path = redis_cli.cwd / "p.plan"
    path.write_text(path.read_text().replace('"priority":-10', f'"priority":{priority}'))
    ran = redis_cli("op", "apply", "p.plan", "-y", "--max", "3")
    assert ran.code == 2, ran.err
    assert len(ran.err.splitlines()) == 1
    assert [found.priority for found in store.jobs.locate("default", [job_id])] == [0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: "rubbish\n", "is not a plan"),
        (lambda _: "", "is not a plan"),
        (lambda text: text[: text.rindex("[")], "has 1 jobs of 2: it is not complete"),
        (lambda text: text.replace('"dead"', '"de\x00ad'), "is damaged in line 2"),
        (lambda text: text.replace('"namespace":"jobctl"', '"namespace":"shop"'), "a plan for namespace shop"),
        (lambda text: text.replace("dead retry", "dead raise"), "no change of jobs is called 'dead raise'"),
        (lambda text: text.replace('"options":{}', '"options":{"x":1}'), "does not take these options"),
        (lambda text: text.replace('"jobctl_plan":1', '"jobctl_plan":2'), "is of a newer jobctl"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_one_line(redis_cli: Cli, store: Store, change: object, says: str) -> None:
    ids = made.dead(store, 2)
    assert redis_cli("dead", "retry", "--all", "--plan", "retry.plan").code == 0
    path = Path(redis_cli.cwd, "retry.plan")
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    ran = redis_cli("op", "apply", "retry.plan", "-y", "--max", "2")
    assert (ran.code, says in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err
    assert made.states(store, ids) == ["dead"] * 2


def test_a_plan_does_not_overwrite_a_file(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    Path(redis_cli.cwd, "a.plan").write_text("mine")
    ran = redis_cli("dead", "retry", "--all", "--plan", "a.plan")
    assert (ran.code, "a.plan is there already" in ran.err) == (2, True)
    assert redis_cli("dead", "retry", "--all", "--plan", "no/such/a.plan").code == 2
    assert redis_cli("op", "apply", "none.plan").code == 2


def test_a_letter_that_died_again_after_the_plan_is_not_retried_by_it(store: Store) -> None:
    """Two people plan the same retry; the second agrees when the retry of the first has run and failed."""
    again, other = made.dead(store, 2)
    planned = plan(store, choose(store, None, ["error~boom"], states=("dead",)))
    assert (planned.matched, planned.ids is not None) == (2, True)
    [letter] = store.jobs.locate("default", [again])
    assert store.jobs.revive("default", [(again, letter.record.group or "")]) == [True]
    eventually(lambda: store.processes.now_ms() > (planned.made_ms or 0))
    made.fail(store)
    for _ in Run(store, letters.retry(), planned).batches():
        pass
    assert made.states(store, [again, other]) == ["dead", "waiting"]


def test_numbers_that_are_none_stop_no_look_at_operations(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 1)
    assert redis_cli("dead", "discard", "--all", "-y", "--max", "3").code == 0
    [row] = store.operations.latest(1)
    store.client.hset(store.keys.operation(row.id), "changed", "9" * 5000)
    for words in (("ls",), ("show", row.id), ("ls", "-o", "json")):
        assert redis_cli("op", *words).code == 0
