"""Messages that name queues which can be none, and keys that another system has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis

from jobctl.store import Store
from tests.support import Cli, eventually
from tests.test_names import HOSTILE


def push(client: redis.Redis, job_id: str, queue: str = "default", **options: Any) -> None:
    """Enqueue as a stock producer does, without a question asked."""
    body = {
        "queue_name": queue,
        "actor_name": "greet",
        "args": [],
        "kwargs": {"name": "Ada"},
        "options": {"redis_message_id": job_id, **options},
        "message_id": job_id,
        "message_timestamp": 1_700_000_000_000,
    }
    client.hset("lab:default.msgs", job_id, msgspec.json.encode(body))  # type: ignore[arg-type]
    client.rpush("lab:default", job_id)


def message(queue: object, **fields: Any) -> dict[str, Any]:
    return {"queue_name": queue, "actor_name": "greet", "args": [], "kwargs": {}, "options": {}, **fields}


def test_no_queue_that_a_pipe_names_reaches_a_key(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None]
) -> None:
    worker()
    push(redis_client, "first")
    eventually(lambda: (found := store.jobs.find("first")) and found.state == "completed")
    for number, name in enumerate(HOSTILE):
        if name != "x.DQ":  # stock's name for what is delayed in `x`
            push(redis_client, f"pipe-{number}", pipe_target=message(name))
    ids = [f"pipe-{number}" for number, name in enumerate(HOSTILE) if name != "x.DQ"]

    eventually(lambda: all((found := store.jobs.find(i)) and found.state == "dead" for i in ids))
    for job_id in ids:
        job = store.jobs.find(job_id, ["default"])
        assert job is not None
        assert (job.record.error, job.record.count) == ("Quarantined", 0)
        assert (job.record.message or "").startswith("its `pipe_target` cannot be enqueued: ")
        assert len(job.record.message or "") <= 300
    assert store.queues.names() == ["default", "email"]
    assert store.server.wrong_keys(["default", "email"]) == []
    assert lab("queue", "ls").code == 0
    assert lab("enqueue", "greet", "name=Bob", "--wait").code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pipe_target": "email"}, "its `pipe_target` cannot be enqueued: Expected `object`, got `str`"),
        ({"pipe_target": {"queue_name": "email"}}, "missing required field `actor_name`"),
        ({"pipe_target": message("email", evil=1)}, "unknown field `evil`"),
        ({"pipe_target": message("email", options={"delay": "soon"})}, "its `delay` is not a number"),
        ({"group_completion_callbacks": [message("email"), message("@due")]}, "`group_completion_callbacks` cannot be"),
        ({"group_completion_callbacks": "x"}, "`group_completion_callbacks` cannot be"),
    ],
)
def test_what_cannot_come_next_is_known_before_the_job_runs(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None], options: dict[str, Any], says: str
) -> None:
    push(redis_client, "piped", **options)
    worker()
    eventually(lambda: (found := store.jobs.find("piped")) and found.state == "dead")
    job = store.jobs.find("piped")
    assert job is not None
    assert (job.record.error, job.record.count) == ("Quarantined", 0)
    assert says in (job.record.message or "")


def test_a_pipe_into_a_queue_goes_there(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None]
) -> None:
    target = message("email", actor_name="mail", kwargs={"name": "piped"}, options={"pipe_ignore": True})
    push(redis_client, "piped", pipe_target=target | {"message_id": "next", "message_timestamp": 1})
    worker()
    eventually(lambda: (found := store.jobs.find("next")) and (found.queue, found.state) == ("email", "completed"))


@pytest.mark.inconsistent
def test_a_name_that_stands_among_the_queues_by_somebodys_hand_is_passed_over_and_told(
    lab: Cli, store: Store, redis_client: redis.Redis
) -> None:
    assert lab("enqueue", "greet", "name=Ada").code == 0
    for name in ("@pauses", "a:b"):
        redis_client.sadd("lab:@queues", name)
        redis_client.zadd("lab:@due", {name: 1})
    assert [row["queue"] for row in lab("queue", "ls", "-o", "json").json()] == ["default", "email"]
    assert store.queues.overdue(10) == []
    assert redis_client.zcard("lab:@due") == 0
    [row] = [row for row in lab("doctor", "-o", "json").json() if row["check"] == "keys"]
    assert (row["status"], row["found"]) == ("warn", "invalid queue names: '@pauses', 'a:b'")


WRONG = [
    ("lab:@pauses", ("queue", "ls"), "list", "hash"),
    ("lab:@due", ("enqueue", "greet", "name=Ada", "--delay=1h"), "list", "sorted set"),
    ("lab:@archive:default", ("enqueue", "greet", "name=Ada"), "list", "hash"),
    ("lab:default", ("queue", "ls"), "string", "list"),
    ("lab:@records:default", ("job", "show", "known"), "list", "hash"),
]


@pytest.mark.inconsistent
@pytest.mark.parametrize(("key", "command", "found", "expected"), WRONG, ids=[case[0] for case in WRONG])
def test_a_key_of_the_wrong_type_is_named(
    lab: Cli, redis_client: redis.Redis, key: str, command: tuple[str, ...], found: str, expected: str
) -> None:
    assert lab("enqueue", "greet", "name=Ada", "--id=known").code == 0
    redis_client.delete(key)
    redis_client.set(key, "x") if found == "string" else redis_client.rpush(key, "x")

    done = lab(*command)
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert f"the key {key} " in done.err
    assert "`jobctl doctor` names such keys; move them away with RENAME" in done.err
    assert "WRONGTYPE" not in done.err

    doctor = lab("doctor", "-o", "json")
    [row] = [row for row in doctor.json() if row["check"] == "keys"]
    assert (doctor.code, row["status"]) == (1, "fail")
    assert row["found"] == f"{key} is a {found}, not a {expected}"
    assert f"RENAME {key} aside:{key}" in row["advice"]


@pytest.mark.inconsistent
def test_a_worker_says_which_key_stops_it_and_goes_on_when_it_is_gone(
    lab: Cli,
    store: Store,
    redis_client: redis.Redis,
    worker: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = lab("enqueue", "greet", "name=Ada").out.strip()
    redis_client.delete("lab:@due")
    redis_client.rpush("lab:@due", "x")
    worker()
    eventually(lambda: any("the key lab:@due " in line for line in caplog.messages))
    redis_client.rename("lab:@due", "aside")
    eventually(lambda: (found := store.jobs.find(job_id)) and found.state == "completed")


def test_the_keys_of_another_system_are_no_queues(lab: Cli, redis_client: redis.Redis) -> None:
    redis_client.set("lab:session-1", "x")
    redis_client.rpush("lab:inbox", "x")
    redis_client.hset("lab:user", "name", "Ada")
    redis_client.set("lab:odd.msgs", "x")
    assert [row["queue"] for row in lab("queue", "ls", "-o", "json").json()] == ["default", "email"]
    assert lab("doctor", "-o", "json").json()
