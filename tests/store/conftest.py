"""A store on the private server, and the few moves that its tests are made of."""

from __future__ import annotations

import pytest
import redis

from jobctl.store import Store
from tests.store.moves import Moves


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client, "test")


@pytest.fixture
def moves(store: Store) -> Moves:
    return Moves(store)
