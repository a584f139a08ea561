"""`jobctl op undo`: what was changed is taken back, as far as nothing has happened since."""

from __future__ import annotations

import pytest
import redis

from jobctl.store import Store
from tests.commands import made
from tests.support import Cli

HOUR = 3_600_000
SURE = ("-y", "--max", "99999")


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return made.store(redis_client)


def last(store: Store) -> str:
    return store.operations.latest(1)[0].id


def undo(cli: Cli, name: str) -> int:
    ran = cli("op", "undo", name, *SURE, "-o", "json")
    assert ran.code == 0, ran.err
    return int(ran.json()["changed"])


@pytest.mark.parametrize("words", [("--all",), ("error~boom",), "ids"])
def test_discarded_letters_are_dead_again(redis_cli: Cli, store: Store, words: object) -> None:
    ids = made.dead(store, 7)
    assert redis_cli("dead", "discard", *(ids if words == "ids" else words), *SURE).code == 0
    name = last(store)
    assert undo(redis_cli, name) == 7
    assert made.states(store, ids) == ["dead"] * 7
    assert [group.count for group in store.dead.groups("default")] == [7]
    again = redis_cli("op", "undo", name, *SURE)
    assert (again.code, "undone already" in again.err) == (5, True)


@pytest.mark.parametrize("words", [("--all",), ("error~boom",), ("job:bad",)])
def test_retried_letters_that_have_not_run_are_dead_again_with_the_time_of_their_death(
    redis_cli: Cli, store: Store, words: tuple[str, ...]
) -> None:
    ids = made.dead(store, 6)
    groups = store.dead.groups("default")
    assert redis_cli("dead", "retry", *words, *SURE).code == 0
    name = last(store)
    [ran] = store.settle.fetch("test", ["default"], 1).jobs
    assert undo(redis_cli, name) == 5
    assert sorted(made.states(store, ids)) == ["dead"] * 5 + ["running"]
    [after] = store.dead.groups("default")
    assert (after.group, after.count) == (groups[0].group, 5)
    assert abs((after.last_died_at - groups[0].last_died_at).total_seconds()) < 1  # type: ignore[operator]
    assert ran.id in ids


def test_a_retried_job_that_ran_and_waits_again_is_not_made_dead(redis_cli: Cli, store: Store) -> None:
    [job_id] = made.dead(store, 1)
    assert redis_cli("dead", "retry", "--all", *SURE).code == 0
    name = last(store)
    made.fail(store)
    assert redis_cli("job", "retry", job_id).code == 0
    nothing = redis_cli("op", "undo", name, *SURE)
    assert (nothing.code, "nothing left to take back" in nothing.err) == (4, True)
    assert made.states(store, [job_id]) == ["waiting"]
    assert undo(redis_cli, last(store)) == 1
    assert made.states(store, [job_id]) == ["dead"]


def test_cancelled_jobs_wait_again_and_delayed_ones_for_their_time(redis_cli: Cli, store: Store) -> None:
    plain = made.waiting(store, 3)
    late = made.waiting(store, 2, delay_ms=HOUR)
    due = [store.jobs.find(i).detail for i in late]  # type: ignore[union-attr]
    assert redis_cli("job", "cancel", "--all", *SURE).code == 0
    name = last(store)
    assert redis_cli("job", "rm", plain[0]).code == 0
    assert undo(redis_cli, name) == 4
    assert made.states(store, plain + late) == ["gone", "waiting", "waiting", "delayed", "delayed"]
    assert [store.jobs.find(i).detail for i in late] == due  # type: ignore[union-attr]


def test_what_someone_else_cancelled_afterwards_stays_cancelled(redis_cli: Cli, store: Store) -> None:
    [job_id] = made.waiting(store, 1)
    assert redis_cli("job", "cancel", job_id).code == 0
    name = last(store)
    assert redis_cli("job", "retry", job_id).code == 0
    assert redis_cli("job", "cancel", job_id).code == 0
    assert redis_cli("op", "undo", name, *SURE).code == 4
    assert made.states(store, [job_id]) == ["cancelled"]


@pytest.mark.parametrize("words", [(), ("job:ok",)])
def test_an_emptied_queue_is_full_again(redis_cli: Cli, store: Store, words: tuple[str, ...]) -> None:
    ids = made.waiting(store, 3) + made.waiting(store, 1, delay_ms=HOUR)
    assert redis_cli("queue", "empty", "default", *words, *SURE).code == 0
    assert undo(redis_cli, last(store)) == 4
    assert made.states(store, ids) == ["waiting"] * 3 + ["delayed"]


def test_a_dry_run_takes_nothing_back_and_an_undo_is_asked_for(redis_cli: Cli, store: Store) -> None:
    ids = made.dead(store, 3)
    assert redis_cli("dead", "discard", "--all", *SURE).code == 0
    name = last(store)
    assert redis_cli("op", "undo", name, "--dry-run", "-o", "json").json()["matched"] == 3
    assert redis_cli("op", "undo", name).code == 5
    assert made.states(store, ids) == ["discarded"] * 3
    assert undo(redis_cli, name) == 3


def test_previews_say_what_cannot_be_undone(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    assert "undone" not in redis_cli("dead", "discard", "--all", "--dry-run").err
    made.completed(store, 2)
    assert "this cannot be undone" in redis_cli("job", "rm", "--all", "--dry-run").err
    made.waiting(store, 2)
    made.begin(store, store.settle.fetch("test", ["default"], 1).jobs)
    assert "1 are running: that cannot be undone" in redis_cli("job", "cancel", "--all", "--dry-run").err
    assert redis_cli("job", "rm", "--all", *SURE).code == 0
    refused = redis_cli("op", "undo", last(store))
    assert (refused.code, "job rm cannot be undone" in refused.err) == (5, True)


def test_of_a_change_that_is_too_large_or_too_old_nothing_is_taken_back(redis_cli: Cli, store: Store) -> None:
    made.dead(store, 2)
    name = store.operations.begin(store.operations.intent("dead discard", "--all", "", 2, (), ()))
    store.client.hset(store.keys.operation(name), "remembered", 999_999)
    within = store.within(name)
    letters = [(job.id, job.record.group or "") for page in store.dead.scan("default") for job in page]
    assert within.dead.discard("default", letters) == [True, True]
    assert not store.client.exists(store.keys.operation(name, ":done"))
    store.operations.end(name, "done", changed=2, failed=0, skipped=0)
    refused = redis_cli("op", "undo", name)
    assert (refused.code, "seven days are over, or it was of more than 1,000,000 jobs" in refused.err) == (5, True)
