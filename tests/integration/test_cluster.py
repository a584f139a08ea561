"""A namespace in a real cluster of three nodes: one slot, whose owner may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.crc

from jobctl.catalog.load import load
from jobctl.client import Client
from jobctl.store import Store
from jobctl.store.wire.connection import connect
from tests.integration.servers import HOST, Node, free_port, running
from tests.integration.work import Site
from tests.support import eventually

SLOT = redis.crc.key_slot(b"{shop}")
RANGES = ((0, 5460), (5461, 10922), (10923, 16383))


def node(folder: Path) -> Node:
    lines = ("cluster-enabled yes", "cluster-node-timeout 1000", "cluster-replica-validity-factor 0")
    return Node(folder, *lines, f"cluster-port {free_port()}")


def bus(member: Node) -> int:
    (line,) = [at for at in (member.folder / "server.conf").read_text().splitlines() if at.startswith("cluster-port")]
    return int(line.split()[1])


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Three primaries that share all slots; the owner of the namespace's slot is the last."""
    members = [node(tmp_path) for _ in range(3)]
    ranges = sorted(RANGES, key=lambda at: at[0] <= SLOT <= at[1])
    with running(*members):
        for member, (first, last) in zip(members, ranges, strict=True):
            member.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            member.ask("CLUSTER", "MEET", HOST, members[0].port, bus(members[0]))
        eventually(lambda: all(b"cluster_state:ok" in member.ask("CLUSTER", "INFO") for member in members))
        eventually(lambda: all(b"cluster_known_nodes:3" in member.ask("CLUSTER", "INFO") for member in members))
        yield members


@pytest.fixture
def store(nodes: list[Node]) -> Iterator[Store]:
    client = connect(nodes[0].url, cluster=True, retries=3)
    yield Store(client, "shop", cluster=True)
    client.close()


def test_every_command_of_the_store_reaches_the_owner_of_the_slot(store: Store, nodes: list[Node]) -> None:
    calls = [store.call("enqueue", "q", "q", "act", f"id{n}", b"{}", 0, "0", "", "") for n in range(3)]
    assert store.run_many(calls) == [[1]] * 3
    assert store.block([store.keys.wake("q")], 1.0) == b"{shop}:@wake:q"
    assert store.queues.names() == store.queues.stock_names() == ["q"]
    assert store.queues.depth(["q"])[0].waiting == 3
    with store.events.listen_control() as messages:
        store.client.publish(store.keys.control(), "hello")
        assert next(message for message in messages if message) == "hello"
    assert nodes[2].ask("DBSIZE") > 0
    assert nodes[0].ask("DBSIZE") == nodes[1].ask("DBSIZE") == 0


def test_a_producer_and_a_worker_go_on_when_the_slot_moves_and_when_its_owner_dies(
    tmp_path: Path, store: Store, nodes: list[Node]
) -> None:
    site = Site(tmp_path, {"JOBCTL_REDIS_URL": nodes[0].url, "JOBCTL_CLUSTER": "1"})
    client = Client(store, load(tmp_path / "jobs.yaml"))
    with site.worker():
        site.keep_enqueuing(client, 10)
        site.wait_until_all_ran()
        _move_slot(nodes[2], nodes[1])
        site.keep_enqueuing(client, 10)
        site.wait_until_all_ran()
        replica = node(tmp_path)
        with running(replica):
            _replicate(replica, nodes[1])
            nodes[1].kill()
            site.keep_enqueuing(client, 10)
            site.wait_until_all_ran()
            assert replica.ask("DBSIZE") > 0


def _identity(member: Node) -> str:
    return bytes(member.ask("CLUSTER", "MYID")).decode()


def _move_slot(source: Node, target: Node) -> None:
    """As a resharding does it."""
    ids = _identity(source), _identity(target)
    target.ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", ids[0])
    source.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", ids[1])
    while keys := source.ask("CLUSTER", "GETKEYSINSLOT", SLOT, 100):
        source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
    for member in (target, source):
        member.ask("CLUSTER", "SETSLOT", SLOT, "NODE", ids[1])


def _replicate(replica: Node, primary: Node) -> None:
    replica.ask("CLUSTER", "MEET", HOST, primary.port, bus(primary))
    identity = _identity(primary).encode()
    eventually(lambda: identity in replica.ask("CLUSTER", "NODES"))
    eventually(lambda: b"cluster_state:ok" in replica.ask("CLUSTER", "INFO"))
    replica.ask("CLUSTER", "REPLICATE", identity)
    eventually(lambda: replica.ask("ROLE")[3] == b"connected")
    eventually(lambda: b"connected_slaves:1" in primary.ask("INFO", "replication") or primary.ask("WAIT", 1, 100) >= 1)
