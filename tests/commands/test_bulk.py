"""Every command that changes many jobs selects, previews, refuses and tells in the same way."""

from __future__ import annotations

import signal

import pytest
import redis

from jobctl.store import Store
from tests.commands import made
from tests.support import PATIENCE_S, Cli, Ran, eventually

HOUR = 3_600_000
FAR = "2100-01-01T00:00Z"


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return made.store(redis_client)


def delayed(store: Store, count: int, **extra: object) -> list[str]:
    return made.waiting(store, count, delay_ms=HOUR, **extra)


def trashed(store: Store, count: int) -> list[str]:
    ids = made.dead(store, count)
    assert all(store.dead.discard("default", [(i, store.dead.groups("default")[0].group) for i in ids]))
    return ids


def cancelled(store: Store, count: int) -> list[str]:
    ids = delayed(store, count)
    store.jobs.cancel("default", [(i, b"", "") for i in ids], running=False)
    return ids


COMMANDS = {
    ("job", "cancel"): (delayed, "cancelled"),
    ("job", "promote"): (delayed, "waiting"),
    ("job", "retry"): (made.dead, "waiting"),
    ("job", "rm"): (cancelled, "gone"),
    ("dead", "retry"): (made.dead, "waiting"),
    ("dead", "discard"): (made.dead, "discarded"),
    ("dead", "restore"): (trashed, "dead"),
}


def counts(ran: Ran) -> tuple[int, int, int, int]:
    found = ran.json()
    return found["matched"], found["changed"], found["skipped"], found["failed"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_previews_refuses_and_changes_in_the_same_way(
    redis_cli: Cli, store: Store, command: tuple[str, ...]
) -> None:
    make, after = COMMANDS[command]
    ids = make(store, 3)
    before = made.states(store, ids)

    plan = redis_cli(*command, "--all", "--dry-run", "-o", "json")
    [part] = plan.json()["parts"]
    assert (plan.code, counts(plan), part["count"], part["state"]) == (0, (3, 0, 0, 0), 3, before[0])
    assert "would " in plan.err
    assert "nothing was changed" in plan.err

    refused = redis_cli(*command, "--all")
    assert (refused.code, "this needs --yes --max 3" in refused.err) == (5, True), refused.err
    refused = redis_cli(*command, "--all", "-y", "--max", "2")
    assert (refused.code, "more than --max 2; allow it with --max 3" in refused.err) == (5, True), refused.err
    assert made.states(store, ids) == before
    assert redis_cli(*command).code == 2
    assert redis_cli(*command, "--all", "queue:default").code == 2
    assert redis_cli(*command, "queue:default", "--queue", "default").code == 2

    done = redis_cli(*command, "--all", "-y", "--max", "3", "-o", "json")
    assert (done.code, counts(done)) == (0, (3, 3, 0, 0)), done.err
    assert set(made.states(store, ids)) == {after}
    [entry] = store.audit.recent()
    assert (entry.action, entry.target, entry.changed) == (" ".join(command), "--all", 3)
    assert redis_cli(*command, "--all", "-y", "--max", "3").code == 4


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_jobs_that_are_named_need_no_answer_and_each_is_told(
    redis_cli: Cli, store: Store, command: tuple[str, ...]
) -> None:
    make, after = COMMANDS[command]
    ids = make(store, 2)
    done = redis_cli(*command, *ids, "nope", "-o", "name")
    assert (done.code, done.lines()) == (4, ids)
    assert [f"job {job_id} " in done.err for job_id in ids] == [True, True]
    assert "no job nope" in done.err
    assert set(made.states(store, ids)) == {after}


@pytest.mark.parametrize(("options", "chosen"), [([], [0, 1]), (["--newest"], [4, 3])])
def test_a_limit_takes_the_oldest_or_the_newest_of_all_queues(
    redis_cli: Cli, store: Store, options: list[str], chosen: list[int]
) -> None:
    ids = []
    for number in range(5):
        ids += made.dead(store, queue=f"q{number % 2}")
        born = store.processes.now_ms()
        eventually(lambda born=born: store.processes.now_ms() > born)  # type: ignore[misc]
    wanted = {ids[place] for place in chosen}
    plan = redis_cli("dead", "retry", "--all", "--limit", "2", *options, "--dry-run", "-o", "name")
    assert set(plan.lines()) == wanted
    done = redis_cli("dead", "retry", "--all", "--limit", "2", *options, "-y", "--max", "2", "-o", "json")
    assert counts(done) == (2, 2, 0, 0)
    assert {i for i, state in zip(ids, made.states(store, ids), strict=True) if state == "waiting"} == wanted
    assert redis_cli("dead", "retry", "--all", "--newest").code == 2


def test_a_group_and_ids_narrow_each_other_down_for_jobs_as_for_dead_letters(redis_cli: Cli, store: Store) -> None:
    bad, slow = made.dead(store, 2), made.dead(store, 2, error="TimeoutError")
    group = next(g.group for g in store.dead.groups("default") if g.error == "TimeoutError")
    for command in (("job", "retry"), ("dead", "discard")):
        plan = redis_cli(*command, "--group", group[:5], "--dry-run", "-o", "json").json()
        assert [(part["error"], part["group"], part["count"]) for part in plan["parts"]] == [("TimeoutError", group, 2)]
        plan = redis_cli(*command, *bad, slow[0], f"group:{group}", "--dry-run", "-o", "json").json()
        assert plan["matched"] == 1


def test_a_state_filter_chooses_among_what_the_command_can_change(redis_cli: Cli, store: Store) -> None:
    dead, held = made.dead(store, 2), delayed(store, 3)
    assert redis_cli("job", "retry", "state:delayed", "--dry-run", "-o", "json").json()["matched"] == 3
    assert redis_cli("job", "retry", "--all", "--dry-run", "-o", "json").json()["matched"] == len(dead + held)
    refused = redis_cli("job", "rm", "state:dead", "-y", "--max", "9")
    said = "this command is for jobs that are completed or cancelled, not dead, at column 1 of the filter"
    assert (refused.code, refused.err) == (2, f"jobctl: {said}\n  state:dead\n  ^^^^^^^^^^\n")


@pytest.mark.inconsistent  # a body is broken on purpose
@pytest.mark.parametrize("command", [("job", "retry"), ("dead", "retry")], ids=" ".join)
def test_a_change_that_is_partly_done_exits_1_and_says_what_was_left(
    redis_cli: Cli, store: Store, command: tuple[str, ...]
) -> None:
    ids = made.dead(store, 3)
    store.client.hset(store.keys.archive("default"), ids[1], b"\xff\x00")
    done = redis_cli(*command, "error~boom", "-y", "--max", "3", "-o", "json")
    assert (done.code, counts(done)) == (1, (3, 2, 0, 1))
    assert f"job {ids[1]} cannot be read" in done.err
    assert "1 could not be changed" in done.err
    assert made.states(store, ids) == ["waiting", "dead", "waiting"]


def test_ctrl_c_says_how_much_was_done_and_it_can_be_run_again(redis_cli: Cli, store: Store) -> None:
    for _ in range(10):
        delayed(store, 2_000)
    process = redis_cli.start("job", "cancel", "--all", "-y", "--max", "20000", "-o", "json")
    eventually(lambda: store.client.zcard(store.keys.cancelled("default")) > 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    first = Ran(out, err, process.returncode).json()["changed"]
    assert process.returncode == 130
    assert 0 < first == store.client.zcard(store.keys.cancelled("default")) < 20_000
    assert f"cancelled {first:,} of 20,000 jobs before the interruption" in err
    again = redis_cli("job", "cancel", "--all", "-y", "--max", "20000", "-o", "json")
    assert (again.code, counts(again)) == (0, (20_000 - first, 20_000 - first, 0, 0))
    assert [entry.changed for entry in store.audit.recent()][:2] == [20_000 - first, first]


def test_an_emptied_queue_is_previewed_by_state_and_refused_alike(redis_cli: Cli, store: Store) -> None:
    made.waiting(store, 2)
    delayed(store, 1)
    plan = redis_cli("queue", "empty", "default", "--dry-run", "-o", "json").json()
    assert [(part["state"], part["type"], part["count"]) for part in plan["parts"]] == [
        ("waiting", None, 2),
        ("delayed", None, 1),
    ]
    refused = redis_cli("queue", "empty", "default")
    assert (refused.code, "this needs --yes --max 3" in refused.err) == (5, True)
    assert redis_cli("queue", "empty", "defau*", "-y", "--max", "3").code == 4
    assert redis_cli("queue", "empty", "default", "-y", "--max", "3").code == 0


def test_ids_come_from_stdin(redis_cli: Cli, store: Store) -> None:
    ids = made.dead(store, 3)
    done = redis_cli("job", "retry", "-", input=f"{ids[0]}\n\n  {ids[1]}\n")
    assert done.code == 0, done.err
    assert made.states(store, ids) == ["waiting", "waiting", "dead"]
    for text, says in ((f"{ids[2]}\nqueue:x\n", "line 2 of stdin is not an id: 'queue:x'"), ("\n", "no ids on stdin")):
        refused = redis_cli("dead", "retry", "-", input=text)
        assert (refused.code, says in refused.err, refused.err.count("\n")) == (2, True, 1), refused.err
    assert made.states(store, ids)[2] == "dead"
