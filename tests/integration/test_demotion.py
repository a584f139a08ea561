"""A primary that is demoted under live connections is left: they are made anew, to wherever the primary is now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis._parsers.base import BaseParser

from jobctl.catalog.load import load
from jobctl.client import Client
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.wire.connection import connect, mapping
from jobctl.store.wire.link import Link, Primary
from jobctl.store.wire.wakeups import Wakeups
from tests.chaos.proxy import Proxy
from tests.integration.servers import HOST, Node, running
from tests.integration.work import Site
from tests.support import PATIENCE_S, eventually

LIVE = 3
"""Connections that are open when it happens."""


class Pair:
    """Two servers, and a name (a relay) under which clients find the one that is meant to be the primary."""

    def __init__(self, folder: Path) -> None:
        self.sockets = [folder / f"{name}.sock" for name in "ab"]
        self.a, self.b = (Node(folder, f"unixsocket {path}") for path in self.sockets)
        self.b.ask("REPLICAOF", HOST, self.a.port)
        eventually(lambda: self.b.ask("INFO", "replication").get("master_link_status") == "up")
        self.name = Proxy(folder / "name.sock", self.sockets[0])

    def fail_over(self) -> None:
        """The replica is the primary, and the name leads to it; connections that are open stay open."""
        self.b.ask("REPLICAOF", "NO", "ONE")
        self.a.ask("REPLICAOF", HOST, self.b.port)
        self.name.target = self.sockets[1]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    try:
        with running(pair.a, pair.b):
            yield pair
    finally:
        pair.name.close()


def opened(client: redis.Redis) -> redis.Redis:
    """The client with LIVE idle connections in its pool."""
    pool = client.connection_pool
    connections = [pool.get_connection() for _ in range(LIVE)]
    for connection in connections:
        connection.send_command("PING")
        connection.read_response()
        pool.release(connection)
    return client


def test_one_refusal_and_every_live_connection_finds_the_new_primary(pair: Pair) -> None:
    with connect(pair.name.url) as client:
        opened(client).set("x", 1)
        pair.fail_over()
        with pytest.raises(RedisUnavailable, match="is read-only: it is a replica"), mapping():
            client.set("x", 2)
        for value in range(2 * LIVE):
            client.set("x", value)
    assert pair.b.client.get("x") == b"5"


def test_who_may_repeat_a_command_does_not_even_see_it(pair: Pair) -> None:
    with connect(pair.name.url, retries=1) as client:
        store = Store(opened(client), "shop")
        store.queues.register(["a"])
        pair.fail_over()
        store.queues.register(["b"])
        assert store.queues.registered() == ["a", "b"]


def test_a_script_that_is_refused_has_its_connection_made_anew(pair: Pair) -> None:
    with connect(pair.name.url) as client:
        store = Store(opened(client), "shop")
        assert store.settle.fetch("w", ["a"], 1).jobs == ()
        pair.fail_over()
        with pytest.raises(RedisUnavailable, match="read-only"):
            store.queues.wake("a")
        store.queues.wake("a")
        assert store.settle.fetch("w", ["a"], 1).jobs == ()


def test_a_primary_that_has_lost_its_replicas_is_left(pair: Pair) -> None:
    with connect(pair.name.url) as client:
        opened(client).set("x", 1)
        pair.b.ask("REPLICAOF", "NO", "ONE")
        pair.a.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        pair.name.target = pair.sockets[1]
        with pytest.raises(RedisUnavailable, match="has too few replicas"), mapping():
            client.set("x", 2)
        assert client.set("x", 3)
    assert pair.b.client.get("x") == b"3"


def test_who_blocks_on_a_primary_that_is_demoted_is_woken_and_finds_the_new_one(pair: Pair) -> None:
    with connect(pair.name.url) as client:
        wakeups = Wakeups(client, ["shop:@wake:a"])
        assert wakeups.wait(0.05) is None
        pair.fail_over()
        with pytest.raises(RedisUnavailable, match="is no longer the primary"):
            wakeups.wait(PATIENCE_S)
        pair.b.client.rpush("shop:@wake:a", "1")
        assert wakeups.wait(PATIENCE_S) == b"shop:@wake:a"


def test_a_worker_goes_on_at_the_new_primary_on_a_plain_url(tmp_path: Path, pair: Pair) -> None:
    site = Site(tmp_path, {"JOBCTL_REDIS_URL": pair.name.url})
    client = Client(Store(connect(pair.name.url, retries=3), "shop"), load(tmp_path / "jobs.yaml"))
    with site.worker():
        site.keep_enqueuing(client, 5)
        site.wait_until_all_ran()
        pair.fail_over()
        site.keep_enqueuing(client, 5)
        site.wait_until_all_ran()
        assert pair.b.client.exists("shop:@records:default")


REFUSALS = [
    "READONLY You can't write against a read only replica.",
    "NOREPLICAS Not enough good replicas to write.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "CLUSTERDOWN The cluster is down",
    "ERR Error running script (call to f_0): @user_script:9: @user_script: 9: -READONLY You can't write",
]


@pytest.mark.parametrize("text", REFUSALS, ids=lambda text: text[:12])
def test_every_refusal_of_a_server_that_is_no_primary_is_known(text: str) -> None:
    link = Link(primary=Primary(lambda: (HOST, 1)), host=HOST)
    assert link._refusal(BaseParser.parse_error(text)) is not None


@pytest.mark.parametrize(
    "text", ["OOM command not allowed", "WRONGTYPE Operation", "NOAUTH", "ERR x READONLY", "MOVED 1 h:1"]
)
def test_other_refusals_leave_the_connection_as_it_is(text: str) -> None:
    assert Link(primary=Primary(), host=HOST)._refusal(BaseParser.parse_error(text)) is None


def test_a_node_of_a_cluster_is_left_only_where_others_are_known() -> None:
    moved = BaseParser.parse_error("MOVED 1 127.0.0.1:1")
    assert Link(primary=Primary(lambda: (HOST, 1)), host=HOST)._refusal(moved) is not None
