"""A list is complete, or it says that it stopped: exit code 1 if nobody asked for that, 0 with --limit."""

from __future__ import annotations

import json
import os
import signal

import pytest
import redis
import yaml

from jobctl.clock import now_ms, to_datetime
from jobctl.store.data.records import Event
from jobctl.store.nouns.events import encode
from tests.commands import made
from tests.commands.test_queue import profile
from tests.commands.test_stock import STOCK, message
from tests.support import PATIENCE_S, Cli

LISTS = [("job", "ls", "state:dead"), ("dead", "ls")]


@pytest.fixture
def letters(redis_client: redis.Redis) -> list[str]:
    """120 dead letters, a few more of them in another queue."""
    st = made.store(redis_client)
    return [*made.dead(st, 115), *made.dead(st, 5, queue="other")]


@pytest.mark.parametrize("words", LISTS)
def test_machine_formats_list_everything(redis_cli: Cli, letters: list[str], words: tuple[str, ...]) -> None:
    for output in ("json", "jsonl", "yaml", "name"):
        done = redis_cli(*words, "-o", output)
        assert (done.code, done.err) == (0, "")
        match output:
            case "name":
                ids = done.lines()
            case "jsonl":
                ids = [json.loads(line)["id"] for line in done.lines()]
            case _:
                ids = [row["id"] for row in yaml.safe_load(done.out)]
        assert sorted(ids) == sorted(letters)


@pytest.mark.parametrize("output", ["json", "name", "table"])
def test_a_reader_that_has_seen_enough_ends_a_list_as_it_ends_unix_tools(
    redis_cli: Cli, letters: list[str], output: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    process = redis_cli.start("dead", "ls", "-o", output, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("words", LISTS)
def test_a_table_that_stops_unasked_says_so_and_fails(
    redis_cli: Cli, letters: list[str], words: tuple[str, ...]
) -> None:
    done = redis_cli(*words)
    assert (done.code, len(done.lines())) == (1, 1 + 50)
    assert "stopped after the first 50; there are more: raise --limit" in done.err
    asked = redis_cli(*words, "--limit", "60")
    assert (asked.code, len(asked.lines())) == (0, 1 + 60)
    assert "stopped after the first 60; there are more" in asked.err
    whole = redis_cli(*words, "--limit", "120")
    assert (whole.code, len(whole.lines()), whole.err) == (0, 1 + 120, "")


@pytest.mark.parametrize("words", LISTS)
def test_a_limit_cuts_machine_formats_and_says_so(redis_cli: Cli, letters: list[str], words: tuple[str, ...]) -> None:
    done = redis_cli(*words, "--limit", "3", "-o", "json")
    assert (done.code, [row["id"] for row in done.json()]) == (0, letters[:-4:-1])
    assert "stopped after the first 3; there are more" in done.err


@pytest.mark.parametrize("look", [(), ("--profile", "look")], ids=["taken in", "read-only"])
def test_a_stock_inbox_is_listed_to_its_end(
    redis_cli: Cli, redis_client: redis.Redis, redis_url: str, look: tuple[str, ...]
) -> None:
    keys = [f"key-{number}" for number in range(10_300)]
    body = message({"traceback": "Traceback:\n\nValueError: no"})
    redis_client.zadd("dramatiq:mail.XQ", {key: 1_700_000_000_000 + n // 9 for n, key in enumerate(keys)})
    redis_client.hset("dramatiq:mail.XQ.msgs", mapping=dict.fromkeys(keys, body))
    profile(redis_cli, redis_url)
    done = redis_cli("dead", "groups", *look, *STOCK, "-o", "json")
    assert (done.code, done.json()[0]["count"]) == (0, len(keys))
    done = redis_cli("dead", "ls", *look, *STOCK, "-o", "name")
    assert (done.code, sorted(done.lines())) == (0, sorted(keys))


def test_an_event_far_back_is_found(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.waiting(st, 1)

    def entry(job_type: str, count: int) -> None:
        event = Event(at=to_datetime(now_ms()), event="completed", id="x", type=job_type, queue="default")
        redis_client.xadd(st.keys.events(), {"e": b"\n".join([encode(event)] * count)})

    entry("needle", 1)
    for _ in range(130):
        entry("hay", 200)
    assert [row["type"] for row in redis_cli("tail", "job:needle", "-o", "json").json()] == ["needle"]


def test_all_error_groups_of_a_queue_are_in_its_record(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    for number in range(7):
        made.dead(st, error=f"Error{'ABCDEFG'[number]}")
    assert len(redis_cli("queue", "show", "default", "-o", "json").json()["groups"]) == 7
    assert "2 more: jobctl dead groups queue:default" in redis_cli("queue", "show", "default").out
