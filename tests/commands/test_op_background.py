"""Changes that workers and schedulers carry on: exact sets, rates, canaries, aborts, and carriers that vanish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobctl.catalog.load import load
from jobctl.engine.liveness.known import Cataloged
from jobctl.ops.bulk.carrier import Carrier
from jobctl.store import Store
from jobctl.store.nouns.carried import Carried
from jobctl.store.nouns.operations import Operations, Pace
from jobctl.store.wire.connection import connect
from tests.commands import made
from tests.support import Cli, eventually

CATALOG = """
version: 1
namespace: jobctl
jobs:
  bad: {command: ["true"]}
  other: {command: ["true"], queue: email}
"""
FEW = """
version: 1
namespace: jobctl
jobs:
  other: {command: ["true"], queue: email}
"""
ALL = ("dead", "retry", "--all", "-y", "--max", "9999")
Carry = Callable[..., Carrier]


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return made.store(redis_client)


@pytest.fixture
def carry(redis_url: str, tmp_path: Path) -> Iterator[Carry]:
    """Starts a carrier as a worker has one; call it with a catalog and a name."""
    running = []

    def start(catalog: str = CATALOG, name: str = "w:1:a") -> Carrier:
        path = tmp_path / f"{len(running)}.yaml"
        path.write_text(catalog)
        known = Cataloged(load(path))
        carrier = Carrier(lambda: Store(connect(redis_url), "jobctl"), lambda: known, name)
        carrier.start()
        carrier.wake()
        running.append(carrier)
        return carrier

    yield start
    for carrier in running:
        carrier.stop()


def begin(cli: Cli, *options: str, of: str = "--all") -> str:
    ran = cli("dead", "retry", of, "-y", "--max", "9999", "--background", *options, "-o", "name")
    assert ran.code == 0, ran.err
    return ran.lines()[0]


def canary(cli: Cli, store: Store, carry: Carry) -> str:
    """A retry of 50 dead letters that has released its canary of 5, and waits for how they fare."""
    made.dead(store, 50)
    name = begin(cli, "--canary", "5")
    carry()
    eventually(lambda: waiting(store) == 5)
    return name


def state(store: Store, name: str) -> str:
    row = store.operations.find(name)
    return row.state if row else ""


def waiting(store: Store, queue: str = "default") -> int:
    return int(store.client.llen(store.keys.ready(queue)))


def run(store: Store, count: int, *, fail: int = 0) -> None:
    """Run waiting jobs: some fail for good, the others complete."""
    made.fail(store, fail) if fail else None
    reserved = store.settle.fetch("test", ["default"], count - fail).jobs
    done = [made.completed_of(job) for job in reserved]
    store.settle.write([store.settle.complete("default", 3_600_000, 1_000, done)])


def test_exactly_the_planned_jobs_are_retried_each_once_by_two_carriers(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    planned = made.dead(store, 1_200)
    name = begin(redis_cli)
    late = made.dead(store, 3)
    carry(name="w:1:a")
    carry(name="w:2:b")
    eventually(lambda: state(store, name) == "done")
    assert waiting(store) == 1_200
    assert set(made.states(store, planned[:5] + planned[-5:])) == {"waiting"}
    assert made.states(store, late) == ["dead"] * 3
    row = store.operations.find(name)
    assert row is not None
    assert (row.matched, row.changed, row.skipped, row.failed, row.left) == (1_200, 1_200, 0, 0, 0)
    [ended, begun] = store.audit.recent(2)
    assert (begun.outcome, ended.outcome, ended.changed, ended.who) == ("begun", "done", 1_200, begun.who)


def test_two_people_at_once_retry_each_job_once(redis_cli: Cli, store: Store, carry: Carry) -> None:
    made.dead(store, 700)
    names = [begin(redis_cli), begin(redis_cli)]
    carry()
    eventually(lambda: [state(store, name) for name in names] == ["done", "done"])
    rows = [store.operations.find(name) for name in names]
    assert sum(row.changed for row in rows if row) == waiting(store) == 700
    assert sum(row.skipped for row in rows if row) == 700


def test_a_job_that_died_again_after_the_beginning_is_left_alone(redis_cli: Cli, store: Store, carry: Carry) -> None:
    [job_id] = made.dead(store, 1)
    name = begin(redis_cli)
    assert redis_cli("job", "retry", job_id).code == 0
    made.fail(store)
    carry()
    eventually(lambda: state(store, name) == "done")
    assert made.states(store, [job_id]) == ["dead"]


def test_a_rate_is_never_exceeded(redis_cli: Cli, store: Store, carry: Carry) -> None:
    made.dead(store, 200)
    name = begin(redis_cli, "--rate", "50/s")
    carry()
    began = int(store.client.hget(store.keys.operation(name), "began"))
    seen = []

    def look() -> bool:
        released, now = waiting(store), store.processes.now_ms()
        seen.append((released, (now - began) / 1000 * 50 + 50))  # what was not used for a second may be made up for
        return released >= 100

    eventually(look)
    assert all(released <= most for released, most in seen), seen


def test_a_beginning_that_is_repeated_after_a_lost_answer_is_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made.dead(store, 2)
    once = store.run

    def twice(script: str, *args: object) -> object:
        once(script, *args)
        return once(script, *args)

    monkeypatch.setattr(store, "run", twice)
    intent = store.operations.intent("dead retry", "all", "", 2, (), ())
    name = Carried(store).start(intent, Pace(rate=1, per_ms=1000), {("default", "bad"): ["a", "b"]})
    assert store.carried.turn(name, "w:1:a").state == "running"
    begun = Operations(store).begin(intent)
    assert [row.id for row in store.operations.latest(5)] == [begun, name]


@pytest.mark.parametrize("back_ms", [900, 60_000])
def test_a_clock_that_is_set_back_neither_lifts_a_rate_nor_stops_it(redis_cli: Cli, store: Store, back_ms: int) -> None:
    made.dead(store, 20)
    name = begin(redis_cli, "--rate", "1/s")
    key = store.keys.operation(name)
    ahead = store.processes.now_ms() + back_ms
    store.client.hset(key, mapping={"used": ahead, "carrier": "w:1:a", "lease": ahead + 60_000})
    turn = store.carried.turn(name, "w:2:b")
    assert (turn.state, turn.may) == ("running", 0)
    eventually(lambda: store.carried.turn(name, "w:2:b").may == 1)


def test_what_a_rate_did_not_use_for_more_than_a_second_is_not_made_up_for(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 200)
    name = begin(redis_cli, "--rate", "10/s")
    store.client.hset(store.keys.operation(name), "used", store.processes.now_ms() - 20_000)
    assert store.carried.turn(name, "w:1:a").may in (10, 11)


def test_a_canary_waits_for_its_outcomes_and_goes_on_when_all_complete(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    name = canary(redis_cli, store, carry)
    run(store, 4)
    eventually(lambda: (row := store.operations.find(name)) is not None and row.completed == 4)
    assert waiting(store) == 1
    run(store, 1)
    eventually(lambda: state(store, name) == "done")
    assert waiting(store) == 45


def test_a_canary_goes_on_without_a_job_that_someone_cancels(redis_cli: Cli, store: Store, carry: Carry) -> None:
    name = canary(redis_cli, store, carry)
    run(store, 4)
    eventually(lambda: (row := store.operations.find(name)) is not None and row.completed == 4)
    assert redis_cli("job", "cancel", "state:waiting", "--yes").code == 0
    eventually(lambda: state(store, name) == "done")
    row = store.operations.find(name)
    assert row is not None
    assert (row.changed, row.completed, row.failed_again) == (50, 4, 0)


def test_a_canary_that_fails_stops_the_change_until_someone_resumes_it(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    name = canary(redis_cli, store, carry)
    run(store, 3, fail=1)
    eventually(lambda: state(store, name) == "stopped")
    row = redis_cli("op", "show", name, "-o", "json").json()
    assert "canary failed again" in row["why"]
    assert (row["changed"], row["left"]) == (5, 45)
    assert redis_cli("op", "resume", name).code == 0
    eventually(lambda: waiting(store) == 2 + 5)
    run(store, 7)
    eventually(lambda: state(store, name) == "done")


def test_too_many_that_fail_again_stop_it_and_nobody_looks_before_20_outcomes(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    made.dead(store, 300)
    name = begin(redis_cli, "--abort-if-failing", "30%", "--rate", "40/s")
    carry()
    eventually(lambda: waiting(store) >= 19)
    made.fail(store, 19)
    eventually(lambda: (row := store.operations.find(name)) is not None and row.failed_again == 19)
    assert state(store, name) == "running"
    eventually(lambda: waiting(store) >= 1)
    run(store, 1)
    eventually(lambda: state(store, name) == "stopped")
    row = store.operations.find(name)
    assert row is not None
    assert row.why == "19 of 20 failed again, which is 30% or more"
    assert row.changed < 300
    assert [entry.outcome for entry in store.audit.recent(1)] == ["stopped"]


def test_it_is_paused_resumed_and_aborted_for_good(redis_cli: Cli, store: Store, carry: Carry) -> None:
    made.dead(store, 400)
    name = begin(redis_cli, "--rate", "50/s")
    carry()
    eventually(lambda: waiting(store) > 0)
    paused = redis_cli("op", "pause", name, "--reason", "lunch")
    assert (paused.code, f"op resume {name}" in paused.err) == (0, True)
    assert redis_cli("op", "pause", name).code == 0
    held = waiting(store)
    assert redis_cli("op", "resume", name).code == 0
    eventually(lambda: waiting(store) > held)
    assert redis_cli("op", "abort", name).code == 0
    for order in ("resume", "pause"):
        refused = redis_cli("op", order, name)
        assert (refused.code, "is aborted: you cannot" in refused.err) == (5, True)
    assert redis_cli("op", "resume", "nope").code == 4
    row = store.operations.find(name)
    assert row is not None
    assert (row.state, row.changed) == ("aborted", waiting(store))
    assert [e.action for e in store.audit.recent(9) if e.action.startswith("op ")] == [
        "op abort",
        "op resume",
        "op pause",
    ]


def test_an_operation_of_a_terminal_is_not_paused_from_elsewhere(redis_cli: Cli, store: Store) -> None:
    name = store.operations.begin(store.operations.intent("dead retry", "--all", "", 5, (), ()))
    refused = redis_cli("op", "pause", name)
    assert (refused.code, "runs in a terminal" in refused.err) == (5, True)


def test_another_goes_on_where_a_carrier_vanished_and_what_that_one_still_sends_changes_nothing(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    made.dead(store, 30)
    name = begin(redis_cli)
    turn = store.carried.turn(name, "gone:1:x")
    chunk = store.carried.chunk(name, 0)
    assert chunk is not None
    rows = [(job_id, made.group_of(store, job_id), "1") for job_id in chunk.ids]
    assert store.carried.step(name, "gone:1:x", turn, chunk, rows[:10]) == 10
    assert store.carried.step(name, "gone:1:x", turn, chunk, rows[:10]) == -1
    assert store.carried.turn(name, "w:1:a").state == "taken"
    store.client.hset(store.keys.operation(name), "lease", 0)
    carry()
    eventually(lambda: state(store, name) == "done")
    assert store.carried.step(name, "gone:1:x", turn, chunk, rows) == -1
    assert waiting(store) == 30


def test_only_who_knows_a_type_carries_on_what_is_of_it(redis_cli: Cli, store: Store, carry: Carry) -> None:
    made.dead(store, 5, queue="email", job_type="other")
    made.dead(store, 5)
    name = begin(redis_cli)
    carry(FEW, "few:1:a")
    carry(CATALOG, "all:1:a")
    eventually(lambda: state(store, name) == "done")
    lonely = made.dead(store, 1, queue="lonely", job_type="nobody")
    name = begin(redis_cli)
    made.dead(store, 5, queue="third", job_type="other")
    second = begin(redis_cli, of="job:other")
    eventually(lambda: state(store, second) == "done")
    assert (state(store, name), made.states(store, lonely)) == ("running", ["dead"])


def test_a_list_of_jobs_that_is_lost_ends_it(redis_cli: Cli, store: Store, carry: Carry) -> None:
    made.dead(store, 5)
    name = begin(redis_cli)
    store.client.delete(store.keys.operation(name, ":jobs"))
    carry()
    eventually(lambda: state(store, name) == "aborted")
    row = store.operations.find(name)
    assert (row and row.why, waiting(store)) == ("its list of jobs is lost", 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--rate", "fast"], "--rate: expected a rate"),
        (["--rate", "0/s"], "--rate: a rate must be above zero"),
        (["--abort-if-failing", "half"], "expected a share such as 30%"),
        (["--abort-if-failing", "120%"], "expected a share such as 30%"),
        (["--rate", "5/s", "--plan", "x.plan"], "--plan only writes a file"),
    ],
)
def test_rubbish_is_refused_in_one_line(redis_cli: Cli, store: Store, options: list[str], says: str) -> None:
    ids = made.dead(store, 2)
    ran = redis_cli(*ALL, *options)
    assert (ran.code, says in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err
    assert made.states(store, ids) == ["dead", "dead"]


def test_a_dry_run_begins_nothing(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    assert redis_cli(*ALL, "--background", "--dry-run").code == 0
    assert redis_cli("dead", "retry", "--all", "--background").code == 5
    assert store.operations.latest(5) == []
    assert store.carried.names() == []


def test_it_is_followed_to_its_end_and_the_exit_code_says_how_it_ended(
    redis_cli: Cli, store: Store, carry: Carry
) -> None:
    made.dead(store, 3)
    carry()
    process = redis_cli.start(*ALL, "--rate", "50/s", "-o", "json")
    eventually(lambda: store.carried.names() != [])
    carry(name="w:2:b")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, '"state": "done"' in out) == (0, True), err
    assert "3 of 3 changed" in err
