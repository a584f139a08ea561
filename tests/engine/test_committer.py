"""The committer: nothing that ended is dropped, and a drain knows whether all of it is in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from jobctl.catalog.model import Catalog
from jobctl.engine.attempt.outcome import Lines, Outcome, Reach
from jobctl.engine.attempt.verdict import given_back
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.jobs import to_job
from jobctl.store.nouns.logs import Batch, LogLine
from jobctl.store.nouns.progress import Reached, Told
from jobctl.store.nouns.settle import Ended
from tests.store.moves import Moves


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client, "test")


def test_a_drain_that_redis_has_heard_of_is_complete(store: Store) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(given_back(moves.fetch()[0]))
    committer.start()
    assert committer.finish(10.0)
    assert moves.state("a") == "waiting"


def test_a_drain_that_could_not_be_written_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(calls: Sequence[Any]) -> list[Any]:
        raise RedisUnavailable("away")

    moves = Moves(store)
    moves.enqueue("a")
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(given_back(moves.fetch()[0]))
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
    assert "left out, Redis is out of memory" in caplog.text


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


def test_a_group_that_is_sent_again_adds_no_line_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    (job,) = moves.fetch()
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(Lines("work", Batch("a", job.token, tuple(LogLine(1, 5, "log", "same") for _ in range(3)))))
    committer.submit(given_back(job))
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
