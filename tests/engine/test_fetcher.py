"""What the fetcher does where it cannot work as usual."""

from __future__ import annotations

import pytest
import redis

from jobctl import clock
from jobctl.catalog.model import Catalog
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.fetcher import SILENCE_S, Fetcher, Terms
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


def test_a_process_whose_supervisor_does_not_beat_fetches_nothing(store: Store, moves: Moves) -> None:
    beat = clock.monotonic()
    committer = Committer(store, Catalog(), (desk := Desk(4)).committed)
    fetcher = Fetcher(store, store, "me", [QUEUE], desk, committer, Terms(beaten_at=lambda: beat))
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
