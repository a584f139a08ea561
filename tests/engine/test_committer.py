"""The committer: nothing that ended is dropped, and a drain knows whether all of it is in Redis."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import redis

from jobctl.catalog.model import Catalog
from jobctl.engine.attempt.outcome import Lines, Outcome, Reach
from jobctl.engine.attempt.verdict import given_back
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.spool import LINE_BYTES, MAX_BYTES, Spool
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.logs import MAX_LINES, Batch, LogLine
from jobctl.store.nouns.progress import Reached, Told
from jobctl.store.nouns.settle import Ended
from jobctl.store.nouns.shown import to_job
from tests.store.moves import Moves
from tests.support import PATIENCE_S


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client, "test")


def test_a_drain_that_redis_has_heard_of_is_complete(store: Store) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(given_back(moves.fetch()[0], begun=True))
    committer.start()
    assert committer.finish(10.0)
    assert moves.state("a") == "waiting"


def test_a_drain_that_could_not_be_written_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(calls: Sequence[Any]) -> list[Any]:
        raise RedisUnavailable("away")

    moves = Moves(store)
    moves.enqueue("a")
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(given_back(moves.fetch()[0], begun=True))
    monkeypatch.setattr(store, "run_many", away)
    committer.start()
    assert not committer.finish(0.2)


def test_what_an_attempt_says_and_a_full_server_refuses_holds_up_no_end(
    store: Store, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    job = moves.fetch()[0]
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(Lines("work", Batch("a", job.token, (LogLine(1, 0, "log", "hello"),))))
    committer.submit(Reach("work", Reached("a", job.token, Told(1, 2, 1))))
    committer.submit(Outcome("cancelled", "work", Ended("a", job.token, b"{}")))
    redis_client.config_set("maxmemory", 1)
    try:
        committer.start()
        assert committer.finish(10.0)
    finally:
        redis_client.config_set("maxmemory", 0)
    assert moves.state("a") == "cancelled"
    assert store.logs.read("work", "a") == []
    assert "dropped log lines of 1 jobs: Redis is out of memory" in caplog.text


def test_lines_and_progress_are_there_before_the_end_and_of_progress_the_latest(store: Store) -> None:
    moves = Moves(store)
    moves.enqueue("a", "b")
    one, two = moves.fetch(2)
    committer = Committer(store, Catalog(), Desk(1).committed)
    for n in range(3):
        committer.submit(Lines("work", Batch("a", one.token, (LogLine(1, n, "log", str(n)),))))
        committer.submit(Reach("work", Reached("b", two.token, Told(n, 2, 1))))
    committer.submit(Outcome("complete", "work", Ended("a", one.token, b"{}")))
    committer.start()
    assert committer.finish(10.0)
    assert [line.text for line in store.logs.read("work", "a")] == ["0", "1", "2"]
    found = store.jobs.find("b")
    assert found is not None
    assert (progress := to_job(found).progress) is not None
    assert progress.done == 2


def test_lines_are_bounded_while_redis_is_away_and_ends_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moves = Moves(store)
    moves.enqueue("a", "b")
    loud, calm = moves.fetch(2)
    send, away, tried = store.run_many, threading.Event(), threading.Event()

    def answer(calls: Sequence[Any]) -> list[Any]:
        tried.set()
        if away.is_set():
            raise RedisUnavailable("away")
        return send(calls)

    monkeypatch.setattr(store, "run_many", answer)
    away.set()
    committer = Committer(store, Catalog(), Desk(2).committed)
    committer.start()
    committer.submit(Lines("work", Batch("b", calm.token, (LogLine(1, 0, "log", "first"),))))
    assert tried.wait(PATIENCE_S)
    count, text = 500, "x" * 2000
    for n in range(40):
        lines = tuple(LogLine(1, n, "log", text) for _ in range(count))
        committer.submit(Lines("work", Batch("a", loud.token, lines)))
        committer.submit(Reach("work", Reached("a", loud.token, Told(n, 2, 1))))
    committer.submit(Outcome("complete", "work", Ended("a", loud.token, b"{}")))
    committer.submit(Outcome("complete", "work", Ended("b", calm.token, b"{}")))
    away.clear()
    assert committer.finish(30.0)
    assert [moves.state(i) for i in "ab"] == ["completed", "completed"]
    assert [line.text for line in store.logs.read("work", "b")] == ["first"]
    kept = [line.text for line in store.logs.read("work", "a")]
    assert (len(kept), set(kept)) == (MAX_LINES, {text})
    missing = int(re.search(r"dropped (\d+) log lines: Redis", caplog.text)[1])  # type: ignore[index]
    assert MAX_BYTES < (40 * count - missing) * (len(text) + LINE_BYTES) + 2 * MAX_BYTES < 4 * MAX_BYTES


def test_a_line_says_how_many_are_missing() -> None:
    spool = Spool()
    text = "x" * 2000
    for n in range(MAX_BYTES // (2000 + LINE_BYTES) + 5):
        spool.add(Lines("work", Batch("a", "1-1", (LogLine(1, n, "log", text),))))
    lines, _, lost = spool.take()
    first, *others = [line for said in lines for line in said.batch.lines]
    assert lost == 5
    assert (first.text, first.at, others[0].at) == ("… 5 lines left out: Redis was away …", 4, 5)
    assert spool.take() == ([], [], 0)


def test_a_group_that_is_sent_again_adds_no_line_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    (job,) = moves.fetch()
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(Lines("work", Batch("a", job.token, tuple(LogLine(1, 5, "log", "same") for _ in range(3)))))
    committer.submit(given_back(job, begun=True))
    send, calls = store.run_many, []

    def reply_lost(some: Sequence[Any]) -> list[Any]:
        replies = send(some)
        calls.append(some)
        if len(calls) == 1:
            raise RedisUnavailable("lost")
        return replies

    monkeypatch.setattr(store, "run_many", reply_lost)
    committer.start()
    assert committer.finish(10.0)
    assert [line.text for line in store.logs.read("work", "a")] == ["same"] * 3
    assert moves.state("a") == "waiting"
