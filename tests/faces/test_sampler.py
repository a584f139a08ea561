"""The sampler: one look for all, nothing without a look, and Redis away and back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from jobctl.faces import sampler as sampling
from jobctl.faces.sample import MINUTES
from jobctl.faces.sampler import Sampler
from jobctl.store import Store
from jobctl.store.nouns.notes import Note
from jobctl.store.nouns.stats import MINUTE_MS
from jobctl.store.wire.connection import connect
from tests.commands import made
from tests.support import eventually


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look reads, and every part of it."""
    monkeypatch.setattr(sampling, "PACE_S", 0.0)
    monkeypatch.setattr(sampling, "SLOW_S", 0.0)
    monkeypatch.setattr(sampling, "COMMANDS_A_SECOND", float("inf"))


def commands(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])


def test_a_sample_has_what_faces_show(store: Store) -> None:
    made.completed(store, 4, queue="email", job_type="mail")
    made.dead(store, 2, job_type="greet")
    made.waiting(store, 3, job_type="greet")
    seen = Sampler(store, None).look()
    rows = {row.queue: row for row in seen.queues}
    assert (rows["default"].waiting, rows["default"].dead, seen.count("dead")) == (3, 2, 2)
    assert (sum(rows["default"].failed), sum(rows["default"].enqueued)) == (0, 5)
    assert len(rows["email"].completed) == MINUTES
    assert [(row.error, row.count) for row in seen.groups] == [("ValueError", 2)]
    assert seen.away is None


def test_series_say_what_was_counted_in_which_minute(store: Store, at_once: None) -> None:
    sampler = Sampler(store, None)
    made.waiting(store, 5, job_type="greet")
    key = store.keys.of_stats("default", "now:greet")
    store.client.hset(key, "at", store.processes.now_ms() // MINUTE_MS - 3)
    made.waiting(store, 2, job_type="greet")
    series = sampler.look().queues[0].enqueued
    assert [count for count in series if count] == [5, 2]
    assert series.index(2) - series.index(5) in (3, 4)  # a minute may be over
    made.waiting(store, 1, job_type="greet")
    eventually(lambda: sum(sampler.look().queues[0].enqueued) == 8)


def test_many_who_look_at_once_read_once(store: Store, redis_client: redis.Redis, redis_url: str) -> None:
    made.waiting(store, 1)
    own = Store(connect(redis_url), "lab")
    sampler = Sampler(own, None)
    sampler.look()
    before = commands(redis_client)
    with ThreadPoolExecutor(10) as pool:
        seen = {id(one) for one in pool.map(lambda _: sampler.look(), range(10))}
    assert len(seen) == 1
    assert commands(redis_client) - before == 1  # INFO itself


def test_a_muted_group_is_left_out_until_it_grows(store: Store, at_once: None) -> None:
    made.dead(store, 2)
    [group] = store.dead.groups("default")
    sampler = Sampler(store, None)
    store.notes.change("default", group.group, lambda _: Note(muted=2))
    assert not sampler.look().groups
    made.dead(store, 1)
    for _ in range(4):
        sampler.look()
    assert [row.count for row in sampler.last.groups] == [3]


def test_redis_away_is_said_and_what_was_seen_stays(
    store: Store, redis_url: str, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.waiting(store, 3)
    own = Store(connect(redis_url), "lab")
    sampler = Sampler(own, None)
    assert sampler.look().away is None
    with monkeypatch.context() as away:
        away.setattr(own.client.connection_pool, "get_connection", _refuse)
        seen = sampler.look()
        assert seen.away is not None
        assert "cannot" in seen.away or "Redis" in seen.away
        assert seen.count("waiting") == 3
    assert sampler.look().away is None


def _refuse(*_args: object, **_options: object) -> None:
    raise redis.ConnectionError("refused")


def test_a_look_that_hangs_holds_nobody_up(store: Store, redis_url: str, at_once: None) -> None:
    made.waiting(store, 3)
    sampler = Sampler(Store(connect(redis_url), "lab"), None)
    assert sampler.look().count("waiting") == 3
    held = threading.Event()
    sampler._read = lambda _now: held.wait(60) and sampler.last  # type: ignore[assignment, method-assign, return-value]
    assert sampler.look(0.01).count("waiting") == 3
    held.set()


def test_groups_are_shown_although_someone_changes_something_while_they_are_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.dead(store, 2, job_type="greet")
    sampler, notes = Sampler(store, None), store.notes.all

    def meanwhile() -> dict[tuple[str, str], Note]:
        sampler.stale()
        return notes()

    monkeypatch.setattr(store.notes, "all", meanwhile)
    assert [group.count for group in sampler.look(30.0).groups] == [2]
