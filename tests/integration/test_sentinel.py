"""Sentinel URLs, and what a failover means to those who work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobctl.catalog.load import load
from jobctl.client import Client
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store import Store
from jobctl.store.wire.connection import connect, mapping
from tests.integration.servers import HOST, Node, running
from tests.integration.work import Site
from tests.support import eventually

PASSWORD = "hush"


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, password=PASSWORD)
    with running(node):
        yield node


@pytest.fixture
def replica(tmp_path: Path, primary: Node) -> Iterator[Node]:
    node = Node(tmp_path, f"replicaof {HOST} {primary.port}", password=PASSWORD)
    with running(node):
        yield node


@pytest.fixture
def sentinel(tmp_path: Path, primary: Node, replica: Node) -> Iterator[Node]:
    watched = f"sentinel monitor main {HOST} {primary.port} 1"
    patience = ("sentinel down-after-milliseconds main 300", "sentinel failover-timeout main 2000")
    node = Node(tmp_path, watched, f"sentinel auth-pass main {PASSWORD}", *patience, sentinel=True)
    with running(node):
        eventually(lambda: _role(replica, b"slave") and node.ask("SENTINEL", "REPLICAS", "main"))
        yield node


def _role(node: Node, role: bytes) -> bool:
    with contextlib.suppress(redis.ConnectionError):  # a node that is promoted cuts its clients off
        return bool(node.ask("ROLE")[0] == role)
    return False


def _failed_over(sentinel: Node) -> bool:
    """Ask for a failover; Sentinel refuses until it has seen the replica for a while."""
    with contextlib.suppress(redis.ResponseError):
        return bool(sentinel.ask("SENTINEL", "FAILOVER", "main"))
    return False


def _written(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.set("x", 2))
    return False


def url_of(sentinel: Node) -> str:
    return f"redis+sentinel://127.0.0.2:1,{HOST}:{sentinel.port}/main/0"


def test_a_producer_and_a_worker_go_on_after_a_failover(
    tmp_path: Path, primary: Node, replica: Node, sentinel: Node
) -> None:
    site = Site(tmp_path, {"JOBCTL_REDIS_URL": url_of(sentinel), "JOBCTL_REDIS_PASSWORD": PASSWORD})
    catalog = load(tmp_path / "jobs.yaml")
    client = Client(Store(connect(url_of(sentinel), password=PASSWORD, retries=3), "shop"), catalog)
    with site.worker():
        site.keep_enqueuing(client, 10)
        site.wait_until_all_ran()
        primary.kill()
        site.keep_enqueuing(client, 10)
        assert _role(replica, b"master")
        site.wait_until_all_ran()


def test_a_demoted_primary_is_left(primary: Node, replica: Node, sentinel: Node) -> None:
    with connect(url_of(sentinel), password=PASSWORD, retries=3) as client:
        client.set("x", 1)
        eventually(lambda: _failed_over(sentinel))
        eventually(lambda: _role(replica, b"master"))
        primary.ask("REPLICAOF", HOST, replica.port)  # Sentinel does so itself, after 8 s
        eventually(lambda: _written(client))
        port = client.connection_pool.get_connection().port
        assert port == replica.port


def test_a_service_that_no_sentinel_knows_is_a_redis_that_cannot_be_reached(sentinel: Node) -> None:
    with pytest.raises(RedisUnavailable, match="other"), mapping():
        connect(f"redis+sentinel://{HOST}:{sentinel.port}/other").ping()


@pytest.mark.parametrize("url", ["redis+sentinel://h:1", "redis+sentinel://h:1,/m", "redis+sentinel://h:x/m/0"])
def test_a_sentinel_url_that_lacks_something_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        connect(url)
