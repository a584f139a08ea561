"""What a worker has reserved and does not know of, after an outage."""

from __future__ import annotations

import pytest
import redis

from jobctl import clock
from jobctl.engine.liveness import strays as module
from jobctl.engine.liveness.strays import Strays
from jobctl.engine.process.desk import Desk
from jobctl.store import Store
from tests.store.moves import QUEUE, Moves


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client, "test")


@pytest.fixture
def moves(store: Store) -> Moves:
    moves = Moves(store)
    moves.enqueue("a", "b")
    return moves


def test_what_a_lost_reply_reserved_is_given_back(store: Store, moves: Moves) -> None:
    strays, desk = Strays(store, "me"), Desk(4)
    desk.take(tuple(moves.fetch(1, worker="me")))
    moves.fetch(1, worker="me")
    strays.look([QUEUE], desk.tokens())
    strays.look([QUEUE], desk.tokens())
    assert [moves.state(i) for i in "ab"] == ["running", "waiting"]


def test_an_end_that_is_being_written_is_not_taken_for_a_stray(store: Store, moves: Moves) -> None:
    strays, desk = Strays(store, "me"), Desk(4)
    (job,) = moves.fetch(1, worker="me")
    desk.take((job,))
    desk.end(job, 0.1)
    strays.look([QUEUE], desk.tokens())
    assert moves.state("a") == "running"
    assert moves.complete(job) == []
    assert moves.state("a") == "completed"


def test_what_others_hold_is_left_alone(store: Store, moves: Moves) -> None:
    strays, desk = Strays(store, "me"), Desk(4)
    moves.fetch(2, worker="other")
    strays.look([QUEUE], desk.tokens())
    strays.look([QUEUE], desk.tokens())
    assert [moves.state(i) for i in "ab"] == ["running", "running"]


def test_an_end_that_cannot_be_written_for_long_is_not_taken_for_a_stray(store: Store, moves: Moves) -> None:
    strays, desk = Strays(store, "me"), Desk(4)
    jobs = moves.fetch(1, worker="me")
    desk.take(tuple(jobs))
    desk.end(jobs[0], 0.1)
    strays.look([QUEUE], desk.tokens())
    strays.look([QUEUE], desk.tokens())
    assert moves.state("a") == "running"
    desk.committed([jobs[0].token])
    assert desk.tokens() == set()


def test_after_a_lost_connection_there_are_looks_at_once_and_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    strays, began, looks = Strays(store, "me"), now, []
    strays.suspect()
    while now < began + 90.0:
        if strays.is_time():
            strays.look([QUEUE], set())
            looks.append(now - began)
        now += 1.0
    assert looks == [*module.LATE_S, module.LATE_S[-1] + module.EVERY_S]


def test_what_was_seen_once_is_looked_at_again_soon(
    store: Store, moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    strays = Strays(store, "me")
    moves.fetch(1, worker="me")
    strays.look([QUEUE], set())
    assert not strays.is_time()
    now += module.AGAIN_S
    assert strays.is_time()
