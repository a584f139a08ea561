"""A namespace that jobctl at 7dfb4a3 left behind, with work under way in every state, brought to this layout."""

from __future__ import annotations

import base64
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis

from jobctl.errors import OtherLayout, Refused
from jobctl.ops import migrate as ops
from jobctl.ops.bulk.run import Run
from jobctl.store import Store
from jobctl.store.migrations import run
from jobctl.store.wire.layout import LAYOUT
from tests.store import invariants

DATA = json.loads((Path(__file__).parents[1] / "data" / "layout_1.json").read_text())
MOMENTS = ("completed", "cancelled", "dead", "groups", "trash", "emptied", "delayed", "retrying", "limited",
           "expiring", "remembered", "due", "beats")  # fmt: skip
"""Sorted sets whose scores are times: they are moved to today."""
STATES = {
    "completed": 5,
    "dead": 5,
    "discarded": 3,
    "cancelled": 1,
    "retrying": 2,
    "running": 2,
    "limited": 2,
    "delayed": 1,
    "waiting": 7,
}


def load(client: redis.Redis) -> None:
    """Write the fixture; what it says of times, it says of now."""
    seconds, _ = client.time()
    later = int(seconds) * 1000 - DATA["built_ms"]
    for key, (kind, value) in DATA["keys"].items():
        match kind:
            case "string":
                client.set(key, raw(value))
            case "list":
                client.rpush(key, *map(raw, value))
            case "set":
                client.sadd(key, *map(raw, value))
            case "hash":
                client.hset(key, mapping={raw(field): raw(text) for field, text in value.items()})
            case "zset":
                parts = key.removeprefix("old:@").split(":")
                shift = later if parts[0] in MOMENTS or parts[-1] == "holds" else 0
                client.zadd(key, {raw(member): score + shift for member, score in value})
            case "stream":
                for entry, fields in value:
                    client.xadd(key, {raw(field): raw(text) for field, text in fields.items()}, id=entry)


def raw(text: str) -> bytes:
    return base64.b64decode(text[7:]) if text.startswith("base64:") else text.encode()


@pytest.fixture
def old(redis_client: redis.Redis) -> Store:
    load(redis_client)
    return Store(redis_client, "old")


def migrated(store: Store) -> Store:
    planned = ops.plan(store)
    assert planned is not None
    list(Run(store, ops.migrate("old"), planned).batches())
    return Store(store.connection, "old")


def states(store: Store) -> Counter[str]:
    """The states of all jobs, each found by its id."""
    keys, client = store.keys, store.connection
    found: Counter[str] = Counter()
    for queue in store.queues.registered():
        for job_id in (*client.hkeys(keys.bodies(queue)), *client.hkeys(keys.archive(queue))):
            job = store.jobs.find(job_id.decode())
            found[job.state if job else "lost"] += 1
    return found


def dump(client: redis.Redis) -> dict[bytes, Any]:
    return {key: client.dump(key) for key in client.keys("*") if not key.endswith((b"@audit", b"@token"))}


def test_every_job_is_in_its_state_and_nothing_contradicts_itself(old: Store) -> None:
    store = migrated(old)
    assert invariants.check(store) == []
    assert states(store) == STATES


def test_attempts_results_and_messages_are_as_they_were(old: Store) -> None:
    store = migrated(old)
    [dead] = [f for page in store.dead.scan("default") for f in page if b'"n":2' in f.body and b'"bad"' in f.body]
    detailed = store.jobs.detailed(dead)
    assert len(dead.record.message or "") == 500
    [attempt] = detailed.attempts
    assert (attempt.outcome, attempt.error) == ("failed", "ValueError")
    assert (attempt.message or "").startswith("order 2 cannot be charged: ")
    assert 'File "' in (attempt.traceback or "")
    done = [f for page in store.jobs.scan("default", "completed") for f in page]
    results = {job.result for job in store.jobs.details("default", done)}
    assert b'"at last"' in results
    [again] = [job for job in store.jobs.details("default", done) if job.result == b'"at last"']
    assert [a.outcome for a in again.attempts] == ["failed", "completed"]


def test_chosen_and_remembered_ids_are_known(old: Store) -> None:
    store = migrated(old)
    assert store.client.smembers(store.keys.named("default")) == {b"order-7"}
    assert store.client.zcard(store.keys.known("default")) == 1


def test_pauses_go_on_and_programs_of_layout_1_find_everything_paused(old: Store) -> None:
    store = migrated(old)
    assert [*store.pauses.now()] == ["idle"]
    assert b"upgrade jobctl" in store.client.hget("old:@paused", "*")


def test_a_frozen_worker_of_layout_1_ends_nothing(old: Store) -> None:
    before = old.connection.hgetall(old.keys.running("slow"))
    after = migrated(old).connection.hgetall(old.keys.running("slow"))
    assert before.keys() == after.keys()
    assert all(before[i].split(b"|")[0] != after[i].split(b"|")[0] for i in before)
    assert all(before[i].split(b"|")[1] == after[i].split(b"|")[1] for i in before)


def test_limited_jobs_are_in_their_order(old: Store) -> None:
    lane = old.keys.of_limits("narrow", "lane:c:single")
    before = old.connection.zrange(lane, 0, -1)
    store = migrated(old)
    assert store.client.zrange(store.keys.of_limits("narrow", "lane:0|c:single"), 0, -1) == before
    assert not store.client.exists(lane)


def steps_of(store: Store) -> int:
    way = run.next_way(store)
    assert way is not None
    return sum(1 for _ in run.walk(store, way))


def test_it_may_be_killed_anywhere_and_goes_on(old: Store, redis_client: redis.Redis) -> None:
    """After every number of batches; what came out is the same."""
    total = steps_of(old)
    whole = dump(redis_client)
    for batches in range(1, total):
        redis_client.flushall()
        load(redis_client)
        way = run.next_way(old)
        assert way is not None
        broken = run.walk(old, way)
        assert len(list(islice(broken, batches))) == batches
        broken.close()  # type: ignore[attr-defined]  # a generator
        with pytest.raises(OtherLayout, match="is being migrated"):
            Store(redis_client, "old").queues.registered()
        migrated(old)
        found = dump(redis_client)
        assert found.keys() == whole.keys()
        assert invariants.check(Store(redis_client, "old")) == []


def test_two_at_once_are_one(old: Store) -> None:
    way = run.next_way(old)
    assert way is not None
    first = run.walk(old, way)
    next(first)
    with pytest.raises(Refused, match="another `jobctl migrate` is running"):
        migrated(old)
    list(first)
    store = Store(old.connection, "old")
    assert invariants.check(store) == []
    assert states(store) == STATES


def test_one_that_stood_still_for_too_long_writes_nothing_more(old: Store) -> None:
    way = run.next_way(old)
    assert way is not None
    first = run.walk(old, way)
    next(first)
    old.connection.delete(old.keys.migrating())  # as after half a minute
    store = migrated(old)
    before = dump(store.connection)
    with pytest.raises((Refused, OtherLayout)):
        list(first)
    assert dump(store.connection) == before


def test_it_refuses_while_a_process_beats(old: Store) -> None:
    name = next(iter(old.connection.hkeys(old.keys.processes())))
    old.connection.zadd(old.keys.beats(), {name: int(old.connection.time()[0]) * 1000})
    before = dump(old.connection)
    with pytest.raises(Refused, match=f"processes of layout 1 are still running: worker {name.decode()}"):
        migrated(old)
    assert dump(old.connection) == before
    old.connection.delete(old.keys.beats())
    migrated(old)


def test_what_needs_no_migration_is_left_alone(old: Store, redis_client: redis.Redis) -> None:
    store = migrated(old)
    before = dump(redis_client)
    assert ops.plan(store) is None
    assert dump(redis_client) == before
    assert run.current(store) == str(LAYOUT)
    assert ops.plan(Store(redis_client, "empty")) is None


@pytest.mark.inconsistent
def test_a_newer_namespace_is_refused(old: Store) -> None:
    old.connection.set(old.keys.layout(), "9")
    with pytest.raises(OtherLayout, match="layout 9"):
        ops.plan(old)
