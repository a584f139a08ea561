"""What the fetcher puts right after an outage."""

from __future__ import annotations

import pytest
import redis

from jobctl import clock
from jobctl.catalog.model import Catalog
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.fetcher import SILENCE_S, Fetcher
from jobctl.errors import RedisUnavailable
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


def test_an_end_that_cannot_be_written_for_long_is_not_taken_for_a_stray(store: Store, moves: Moves) -> None:
    fetcher = made(store, desk := Desk(4))
    jobs = moves.fetch(1, worker="me")
    desk.take(tuple(jobs))
    desk.end(jobs[0], 0.1)
    fetcher._reconcile()
    fetcher._reconcile()
    assert moves.state("a") == "running"
    desk.committed([jobs[0].token])
    assert desk.tokens() == set()


def test_a_process_whose_supervisor_does_not_beat_fetches_nothing(store: Store, moves: Moves) -> None:
    beat = clock.monotonic()
    committer = Committer(store, Catalog(), (desk := Desk(4)).committed)
    fetcher = Fetcher(store, store, "me", [QUEUE], desk, committer, lambda: beat)
    beat -= SILENCE_S + 1
    fetcher._step()
    assert not desk.tokens()
    beat = clock.monotonic()
    fetcher._step()
    assert len(desk.tokens()) == 2


def test_a_full_server_is_served_though_it_takes_no_new_queue(
    store: Store, moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(names: object) -> None:
        raise RedisUnavailable("out of memory")

    monkeypatch.setattr(store.queues, "register", refuse)
    fetcher = made(store, desk := Desk(4))
    fetcher._step()
    assert len(desk.tokens()) == 2
