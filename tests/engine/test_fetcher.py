"""What the fetcher puts right after an outage."""

from __future__ import annotations

import pytest
import redis

from jobctl.catalog.model import Catalog
from jobctl.engine.committer import Committer
from jobctl.engine.desk import Desk
from jobctl.engine.fetcher import Fetcher
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


def made(store: Store, desk: Desk) -> Fetcher:
    return Fetcher(store, store, "me", [QUEUE], desk, Committer(store, Catalog(), desk.committed))


def test_what_a_lost_reply_reserved_is_given_back(store: Store, moves: Moves) -> None:
    fetcher = made(store, desk := Desk(4))
    desk.take(tuple(moves.fetch(1, worker="me")))
    moves.fetch(1, worker="me")
    fetcher._reconcile()
    fetcher._reconcile()
    assert [moves.state(i) for i in "ab"] == ["running", "waiting"]


def test_an_end_that_is_being_written_is_not_taken_for_a_stray(store: Store, moves: Moves) -> None:
    desk = Desk(4)
    fetcher = made(store, desk)
    (job,) = moves.fetch(1, worker="me")
    desk.take((job,))
    desk.end(job, 0.1)
    fetcher._reconcile()
    assert moves.state("a") == "running"
    assert moves.complete(job) == []
    assert moves.state("a") == "completed"


def test_what_others_hold_is_left_alone(store: Store, moves: Moves) -> None:
    fetcher = made(store, Desk(4))
    moves.fetch(2, worker="other")
    fetcher._reconcile()
    fetcher._reconcile()
    assert [moves.state(i) for i in "ab"] == ["running", "running"]
