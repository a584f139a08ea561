"""Jobs that a limit holds, in the commands that look at jobs and change them."""

from __future__ import annotations

import redis

from jobctl.store import Store
from tests.commands import made
from tests.support import Cli

LANE = "r:ok"


def held(st: Store, count: int, **extra: object) -> list[str]:
    """Jobs of a type of which one a minute may start."""
    st.limits.define("default", {LANE: "1 60000 1 smooth"})
    return made.waiting(st, count, lane=LANE, **extra)


def test_they_are_listed_and_counted_in_their_own_column(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = held(made.store(redis_client), 2)
    assert {job["id"] for job in redis_cli("job", "ls", "state:limited", "-o", "json").json()} == set(ids)
    assert {job["state"] for job in redis_cli("job", "ls", "-o", "json").json()} == {"limited"}
    [row] = redis_cli("queue", "ls", "-o", "json").json()
    assert (row["waiting"], row["limited"]) == (0, 2)
    assert redis_cli("queue", "ls").lines()[0].split()[4] == "LIMITED"


def test_they_are_cancelled_by_id_and_by_filter_and_use_nothing_up(redis_cli: Cli, redis_client: redis.Redis) -> None:
    one, *others = held(st := made.store(redis_client), 4)
    assert redis_cli("job", "cancel", one).code == 0
    ran = redis_cli("job", "cancel", "state:limited", "--yes", "--max", "3", "-o", "json")
    assert ran.json()["changed"] == 3, ran.err
    assert set(made.states(st, [one, *others])) == {"cancelled"}
    [last] = held(st, 1)
    assert [job.id for job in st.settle.fetch("test", ["default"], 5).jobs] == [last]


def test_a_filter_without_a_state_cancels_them_too(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = held(st := made.store(redis_client), 2)
    assert redis_cli("job", "cancel", "job:ok", "--yes", "--max", "2").code == 0
    assert made.states(st, ids) == ["cancelled", "cancelled"]


def test_emptying_a_queue_takes_them_and_a_restore_brings_them_back(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = held(st := made.store(redis_client), 3)
    plan = redis_cli("queue", "empty", "default", "--dry-run", "-o", "json").json()
    assert [(part["state"], part["count"]) for part in plan["parts"]] == [("limited", 3)]
    assert redis_cli("queue", "empty", "default", "--yes", "--max", "3").code == 0
    assert set(made.states(st, ids)) == {"discarded"}
    assert redis_cli("dead", "restore", "queue:default", "--yes", "--max", "3").code == 0
    assert set(made.states(st, ids)) == {"limited"}


def test_no_promotion_passes_a_limit(redis_cli: Cli, redis_client: redis.Redis) -> None:
    [job_id] = held(st := made.store(redis_client), 1)
    ran = redis_cli("job", "promote", job_id)
    assert (ran.code, ran.out) == (5, "")
    assert "held by a limit" in ran.err
    assert made.states(st, [job_id]) == ["limited"]


def test_a_delayed_job_is_promoted_to_its_turn(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = held(st := made.store(redis_client), 2, delay_ms=60_000)
    assert redis_cli("job", "promote", *ids).code == 0
    assert made.states(st, ids) == ["limited", "limited"]


def test_to_retry_or_delete_one_says_why_not(redis_cli: Cli, redis_client: redis.Redis) -> None:
    [job_id] = held(st := made.store(redis_client), 1)
    retried = redis_cli("job", "retry", job_id)
    assert (retried.code, "already" in retried.err) == (0, True)
    removed = redis_cli("job", "rm", job_id)
    assert (removed.code, "cancel it first" in removed.err) == (5, True)
    assert made.states(st, [job_id]) == ["limited"]


def test_a_dead_one_that_is_retried_waits_for_its_turn_again(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    st.limits.define("default", {LANE: "1 60000 1 smooth"})
    ids = made.dead(st, 1, job_type="ok", lane=LANE)
    assert redis_cli("job", "retry", *ids).code == 0
    assert made.states(st, ids) == ["limited"]


def test_doctor_counts_them_among_those_that_nobody_serves(redis_cli: Cli, redis_client: redis.Redis) -> None:
    held(made.store(redis_client), 2)
    rows = {row["check"]: row for row in redis_cli("doctor", "-o", "json").json()}
    assert "default (2 waiting)" in rows["workers"]["found"]
