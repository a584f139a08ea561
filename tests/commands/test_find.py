"""Filters and their explanations, as a user types them."""

from __future__ import annotations

import pytest
import redis

from tests.commands import made
from tests.support import Cli


@pytest.mark.parametrize("command", [("job", "ls"), ("dead", "ls"), ("dead", "groups"), ("job", "cancel"), ("tail",)])
def test_an_error_in_a_filter_shows_its_place(redis_cli: Cli, command: tuple[str, ...]) -> None:
    ran = redis_cli(*command, "queue:default", "stat:dead")
    assert (ran.code, ran.out) == (2, "")
    first, line, carets = ran.err.splitlines()
    assert first == "jobctl: no such filter: stat:, at column 15 of the filter; did you mean state:?"
    assert (line, carets) == ("  queue:default stat:dead", "                ^^^^^")


def test_the_same_filter_finds_the_same_letters_everywhere(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    boom = made.dead(st, 3, job_type="bad")
    made.dead(st, 2, job_type="other", queue="email")
    words = ["(job:bad OR args.n=none)", "NOT", "queue:email", "attempts:1.."]
    for command in (("job", "ls", "state:dead"), ("dead", "ls"), ("dead", "retry", "--dry-run")):
        assert sorted(redis_cli(*command, *words, "-o", "name").lines()) == sorted(boom)
    [group] = redis_cli("dead", "groups", *words, "-o", "json").json()
    assert (group["count"], group["type"]) == (3, "bad")
    assert sorted(redis_cli("job", "ls", f"group:{group['group']}", "-o", "name").lines()) == sorted(boom)
    assert len(redis_cli("dead", "ls", "host:*", "took:..1h", "-o", "name").lines()) == 5
    assert redis_cli("dead", "ls", "NOT host:*", "-o", "name").lines() == []


def test_an_explanation_changes_nothing_and_names_the_index(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 3, job_type="bad")
    made.dead(st, 2, job_type="other")
    made.waiting(st, 4)
    told = redis_cli("dead", "retry", "job:bad", "--explain", "-o", "json").json()
    served = "the index of 1 of 2 error groups of queue default: 3 dead letters; none is read"
    assert told == {"filter": "job:bad", "asks": ["the job type is 'bad'"], "served_by": [served], "reads": 0}
    assert redis_cli("dead", "retry", "job:bad", "error~x", "--explain", "-o", "json").json()["reads"] == 3
    told = redis_cli("job", "ls", "NOT state:dead", "--explain", "-o", "json").json()
    assert (told["served_by"], told["reads"]) == (["all 4 waiting jobs of queue default are read"], 4)
    assert redis_cli("job", "ls", "id:x", "--explain", "-o", "json").json()["reads"] is None
    shown = redis_cli("queue", "empty", "default", "--explain")
    assert "queue default as a whole: 4 waiting jobs; none is read" in shown.out
    assert "the stream of events" in redis_cli("tail", "host:web", "--explain").out
    assert set(made.states(st, ids)) == {"dead"}


def test_a_queue_is_emptied_of_what_matches(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    stays = made.waiting(st, 2, job_type="keep")
    goes = [*made.waiting(st, 2, job_type="drop"), *made.waiting(st, 1, job_type="drop", delay_ms=600_000)]
    other = made.waiting(st, 1, job_type="drop", queue="email")
    assert redis_cli("queue", "empty", "default", goes[0]).code == 2
    assert redis_cli("queue", "empty", "default", "queue:email").code == 2
    ran = redis_cli("queue", "empty", "default", "job:drop", "--yes", "--max", "3", "-o", "json")
    assert ran.json() == {"matched": 3, "changed": 3, "skipped": 0, "failed": 0}
    assert set(made.states(st, goes)) == {"discarded"}
    assert set(made.states(st, stays)) == set(made.states(st, other)) == {"waiting"}
    assert redis_cli("dead", "restore", "queue:default", "--yes", "--max", "3").code == 0
    assert made.states(st, goes) == ["waiting", "waiting", "delayed"]


def test_jobs_are_counted_by_what_they_have(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 3, job_type="bad")
    made.dead(st, 1, job_type="other", queue="email", error="KeyError", message="42")
    made.waiting(st, 2)

    def counts(*args: str) -> dict[str | None, int]:
        rows = redis_cli(*args, "-o", "json").json()
        assert all(row["by"] == args[-1] for row in rows)
        return {row["value"]: row["count"] for row in rows}

    assert counts("job", "ls", "--by", "type") == {"bad": 3, "ok": 2, "other": 1}
    assert counts("job", "ls", "--by", "args.n") == {"0": 3, "1": 2, "2": 1}
    assert counts("job", "ls", "NOT state:dead", "--by", "args.absent") == {None: 2}
    assert counts("job", "ls", "--by", "host") == {"host": 4, None: 2}
    for noun in ("ls", "groups"):
        for narrow in ([], ["args.n=*"]):  # by the index of groups, and by reading
            assert counts("dead", noun, *narrow, "--by", "error") == {"ValueError": 3, "KeyError": 1}
            assert counts("dead", noun, *narrow, "--by", "queue") == {"default": 3, "email": 1}
    [(hour, count)] = counts("dead", "ls", "--by", "hour").items()
    assert (count, str(hour)[13:]) == (4, ":00:00Z")
    shown = redis_cli("dead", "ls", "--by", "type", "--limit", "1")
    assert (shown.code, [line.split() for line in shown.lines()]) == (0, [["TYPE", "COUNT"], ["bad", "3"]])
    wrong = redis_cli("dead", "groups", "--by", "colour")
    assert (wrong.code, "cannot be counted by 'colour'" in wrong.err) == (2, True)


def test_values_that_are_redacted_are_not_counted(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.waiting(made.store(redis_client), 2, redact=("n",))
    for also in ([], ["--unredacted"]):
        ran = redis_cli("job", "ls", "--by", "args.n", *also)
        assert (ran.code, ran.out) == (5, "")
        assert "args.n is redacted" in ran.err
    assert redis_cli("job", "ls", "--by", "type", "-o", "json").json()[0]["count"] == 2
