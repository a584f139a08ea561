"""The committer: nothing that ended is dropped, and a drain knows whether all of it is in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from jobctl.catalog.model import Catalog
from jobctl.engine.committer import Committer, Lines
from jobctl.engine.desk import Desk
from jobctl.engine.verdict import given_back
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.logs import LogLine
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


def test_log_lines_that_do_not_fit_into_a_full_server_hold_up_no_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __getattr__(self, name: str) -> Any:
            return lambda *_args: None

        def execute(self) -> None:
            raise redis.OutOfMemoryError("full")

    moves = Moves(store)
    moves.enqueue("a")
    committer = Committer(store, Catalog(), Desk(1).committed)
    committer.submit(Lines("work", "a", (LogLine(1, 0, "log", "hello"),)))
    committer.submit(given_back(moves.fetch()[0]))
    monkeypatch.setattr(
        store.logs, "_store", SimpleNamespace(keys=store.keys, client=SimpleNamespace(pipeline=lambda **_: Full()))
    )
    committer.start()
    assert committer.finish(10.0)
    assert moves.state("a") == "waiting"
