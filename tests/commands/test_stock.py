"""jobctl on a deployment of stock Dramatiq, with no catalog; and what stock messages may hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from jobctl.store.nouns.stock import read_reason
from tests.commands import made
from tests.commands.test_queue import profile
from tests.support import PATIENCE_S, Cli, eventually

APP = str(Path(__file__).with_name("stock_app.py"))
STOCK = ("--namespace", "dramatiq")


def send(cli: Cli, url: str, count: int) -> None:
    subprocess.run([sys.executable, APP, url, "send", str(count)], cwd=cli.cwd, check=True, timeout=60)


@contextmanager
def worker(cli: Cli, url: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, APP, url, "work"], cwd=cli.cwd, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_a_stock_dead_letter_is_seen_and_runs_again(redis_cli: Cli, redis_client: redis.Redis, redis_url: str) -> None:
    send(redis_cli, redis_url, 3)
    [row] = redis_cli("queue", "ls", *STOCK, "-o", "json").json()
    assert (row["queue"], row["waiting"], row["retrying"], row["limited"], row["workers"]) == (
        "mail",
        3,
        None,
        None,
        None,
    )
    with worker(redis_cli, redis_url):
        eventually(lambda: redis_client.zcard("dramatiq:mail.XQ") == 3)
        letters = redis_cli("dead", "ls", *STOCK, "-o", "json").json()
        assert {letter["error"] for letter in letters} == {"ConnectionError"}
        assert letters[0]["message"].startswith("no route to host")
        shown = redis_cli("dead", "show", letters[0]["id"], *STOCK, "-o", "json").json()
        assert 'File "' in shown["attempts"][-1]["traceback"]
        [group] = redis_cli("dead", "groups", *STOCK, "-o", "json").json()
        assert (group["type"], group["count"]) == ("post", 3)
        assert redis_cli("queue", "ls", *STOCK, "-o", "json").json()[0]["retrying"] is None

        (redis_cli.cwd / "fixed").touch()
        ran = redis_cli("dead", "retry", "--all", "--yes", "--max", "3", *STOCK, "-o", "json")
        assert ran.json() == {"matched": 3, "changed": 3, "skipped": 0, "failed": 0}
        eventually(lambda: len(list(redis_cli.cwd.glob("ran-*"))) == 3)
        eventually(lambda: redis_client.hlen("dramatiq:mail.msgs") == 0)


def test_a_retried_body_is_fresh(redis_cli: Cli, redis_client: redis.Redis) -> None:
    bury(redis_client, "key-1", {"retries": 20, "traceback": "x", "eta": 1, "requeue_timestamp": 2, "label": "order 7"})
    assert redis_cli("dead", "retry", "--all", *STOCK).code == 0
    assert redis_client.lrange("dramatiq:mail", 0, -1) == [b"key-1"]
    body = json.loads(redis_client.hget("dramatiq:mail.msgs", "key-1") or b"")
    assert body["options"] == {"label": "order 7", "redis_message_id": "key-1"}
    assert body["message_timestamp"] > 1_000_000_000_000
    assert body["args"] == [12345678901234567]


def test_a_read_only_profile_sees_and_leaves_the_inbox(
    redis_cli: Cli, redis_client: redis.Redis, redis_url: str
) -> None:
    for number in range(3):
        bury(redis_client, f"key-{number}", {"traceback": "Traceback:\n\nValueError: no"})
    profile(redis_cli, redis_url)
    before = sorted(redis_client.keys())
    look = ("--profile", "look", *STOCK, "-o", "json")
    assert {row["error"] for row in redis_cli("dead", "ls", *look).json()} == {"ValueError"}
    assert redis_cli("dead", "groups", *look).json()[0]["count"] == 3
    assert redis_cli("dead", "show", "key-1", *look).json()["id"] == "key-1"
    assert sorted(redis_client.keys()) == before


def test_other_queues_of_the_deployment_stay_listed(redis_cli: Cli, redis_client: redis.Redis) -> None:
    bury(redis_client, "key-1", {})
    redis_client.rpush("dramatiq:other", "x")
    redis_client.hset("dramatiq:other.msgs", "x", "{}")
    assert redis_cli("dead", "ls", *STOCK).code == 0
    assert redis_cli("queue", "ls", *STOCK, "-o", "name").lines() == ["mail", "other"]


def test_rubbish_in_an_inbox_is_shown_as_such(redis_cli: Cli, redis_client: redis.Redis) -> None:
    for job_id, body in ((b"\xff\xfe", b"\x00"), (b"deep", b"[" * 100_000), (b"none", None)):
        redis_client.zadd("dramatiq:mail.XQ", {job_id: 1_700_000_000_000})
        if body is not None:
            redis_client.hset("dramatiq:mail.XQ.msgs", job_id, body)
    bury(redis_client, "odd", {"retries": 10**30, "traceback": 7, "eta": "x"}, died="inf")
    rows = redis_cli("dead", "ls", *STOCK, "-o", "json").json()
    assert sorted(row["error"] for row in rows) == ["Quarantined", "Quarantined", "Quarantined", "Unknown"]
    ran = redis_cli("dead", "retry", "--all", "--yes", "--max", "4", *STOCK, "-o", "json")
    assert (ran.code, ran.json()) == (1, {"matched": 4, "changed": 1, "skipped": 0, "failed": 3})


@pytest.mark.inconsistent  # its second death is made by hand
def test_a_letter_that_dies_again_keeps_its_history(redis_client: redis.Redis) -> None:
    st = made.store(redis_client, "dramatiq")
    st.queues.register(["mail"])
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\nKeyError: 1\n'
    for _ in range(2):
        bury(redis_client, "key-1", {"retries": 1, "traceback": trace})
        assert st.stock.take_dead("mail").taken == 1
        [found] = st.jobs.details("mail", next(st.dead.scan("mail")))
        assert st.jobs.revive("mail", [("key-1", found.record.group or "")]) == [True]
        redis_client.hdel("dramatiq:mail.msgs", "key-1")
    assert [(a.number, a.error) for a in found.attempts] == [(1, "KeyError"), (3, "KeyError")]
    assert found.record.count == 4


def test_taking_in_delayed_messages_twice_does_not_search_the_inbox(redis_client: redis.Redis) -> None:
    st = made.store(redis_client, "dramatiq")
    ids = [f"id-{number}" for number in range(3000)]
    redis_client.rpush("dramatiq:mail.DQ", *ids)
    redis_client.hset("dramatiq:mail.DQ.msgs", mapping={i: message({"eta": 9_999_999_999_999}) for i in ids})
    far = [part for i in ids[-10:] for part in (i, 1, "", "", "")]
    assert st.run("intake_delayed", "mail", "mail", *far) == [10, 0]
    assert sum(st.stock.take_delayed("mail").taken for _ in range(15)) == 3000
    assert redis_client.llen("dramatiq:mail.DQ") == 0


def test_the_reason_is_read_out_of_tracebacks() -> None:
    frame = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n    ^^^\n'
    for tail, expected in (
        ("ValueError: no\n", ("ValueError", "no")),
        ("my.pkg.Odd: one\ntwo: three\n", ("Odd", "one\ntwo: three")),
        ("KeyboardInterrupt\n", ("KeyboardInterrupt", "")),
        ("m.f.<locals>.Local: x\n", ("Local", "x")),
    ):
        assert read_reason(frame + tail) == expected
        assert read_reason(f"{frame}OSError: first\n\nDuring handling:\n\n{frame}{tail}") == expected
    assert read_reason("") == ("Unknown", "stock Dramatiq kept no reason")
    assert read_reason("not a traceback at all") == ("Unknown", "not a traceback at all")


def message(options: dict[str, object]) -> bytes:
    body = {
        "queue_name": "mail",
        "actor_name": "post",
        "args": [12345678901234567],
        "kwargs": {},
        "options": options,
        "message_id": "m",
        "message_timestamp": 1,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def bury(client: redis.Redis, key: str, options: dict[str, object], died: str = "1700000000000") -> None:
    """A dead letter as stock Dramatiq leaves it."""
    client.zadd("dramatiq:mail.XQ", {key: died})  # type: ignore[dict-item]
    client.hset("dramatiq:mail.XQ.msgs", key, message(options))


@pytest.mark.parametrize("depth", [400, 900, 980])
def test_a_message_that_is_nested_deeply_breaks_no_list(redis_cli: Cli, redis_client: redis.Redis, depth: int) -> None:
    deep = message({}).replace(b'"kwargs":{}', b'"kwargs":{"a":' + b"[" * depth + b"]" * depth + b"}")
    for name, body in (("deep", deep), ("flat", message({"redact": ["a"]}))):
        redis_client.rpush("dramatiq:mail", name)
        redis_client.hset("dramatiq:mail.msgs", name, body)
    for output in ("json", "jsonl", "yaml", "table", "name"):
        done = redis_cli("job", "ls", *STOCK, "-o", output)
        assert (done.code, done.err) == (0, ""), output
        assert "deep" in done.out
        assert "flat" in done.out
        assert redis_cli("job", "show", "deep", *STOCK, "-o", output).code == 0
