"""One namespace, programs of several versions: each works only with the layout that it knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from jobctl.errors import OtherLayout
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.pauses import EVERYTHING, Pause, in_force
from jobctl.store.nouns.schedules import SchedulePause
from jobctl.store.wire.layout import LAYOUT
from jobctl.store.wire.script import load
from tests.store.moves import QUEUE, Moves
from tests.store.test_script import names

CURRENT = str(LAYOUT).encode()


def layout(store: Store) -> bytes | None:
    found: bytes | None = store.connection.get(store.keys.layout())
    return found


def pause(store: Store) -> None:
    store.pauses.pause(EVERYTHING, Pause(0, "", "me"))


FIRST: dict[str, Callable[[Store], object]] = {
    "a job": lambda store: store.jobs.enqueue([NewJob(id="a", type="act", queue=QUEUE, payload={})]),
    "a pipeline": lambda store: store.run_many([store.call("promote_due", QUEUE, QUEUE, 1)] * 2),
    "a fetch": lambda store: store.settle.fetch("w", [QUEUE], 1),
    "a pause": pause,
    "a queue": lambda store: store.queues.register([QUEUE]),
    "a limit": lambda store: store.limits.define(QUEUE, {"c:act": "1"}),
    "a limit by hand": lambda store: store.limits.set(QUEUE, "c:act", "1", 0, "me"),
    "a pause of a schedule": lambda store: store.schedules.pause("daily", SchedulePause(0, "me", "")),
    "an audit entry": lambda store: store.audit.add("test", "x", 1),
}


@pytest.mark.parametrize("what", FIRST)
def test_whoever_writes_first_writes_the_layout(store: Store, what: str) -> None:
    FIRST[what](store)
    assert layout(store) == CURRENT


@pytest.mark.parametrize("what", FIRST)
def test_a_namespace_that_was_emptied_under_a_program_is_new(store: Store, what: str) -> None:
    FIRST[what](store)
    store.connection.flushall()
    FIRST[what](store)
    assert layout(store) == CURRENT


def test_looking_writes_nothing(store: Store) -> None:
    assert store.queues.names() == []
    assert store.processes.ls() == []
    assert store.connection.keys("*") == []


@pytest.mark.inconsistent
@pytest.mark.parametrize("mark", ["queues", "stock_queues", "token", "notice", "beats", "events", "audit"])
def test_a_namespace_without_a_number_in_which_something_lies_is_of_layout_1(store: Store, mark: str) -> None:
    store.connection.set(getattr(store.keys, mark)(), "x")
    for use in (lambda: store.queues.names(), lambda: Moves(store).enqueue("a"), lambda: pause(store)):
        with pytest.raises(OtherLayout, match=r"has layout 1, .* layout 2") as refused:
            use()
        assert "jobctl migrate" in refused.value.hint
    assert layout(store) is None


@pytest.mark.inconsistent
@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ("1", "run `jobctl migrate`"),
        ("3", "upgrade jobctl"),
        ("1>2", "finish it with `jobctl migrate`"),
        ("2>3", "began it"),
    ],
)
def test_another_layout_is_refused_with_what_to_do(store: Store, found: str, hint: str) -> None:
    store.connection.set(store.keys.layout(), found)
    with pytest.raises(OtherLayout) as refused:
        store.queues.names()
    assert hint in refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.inconsistent
@pytest.mark.parametrize("name", [name for name in names() if name not in ("found", "migrate_lanes")])
def test_no_script_touches_a_namespace_that_was_migrated_under_its_program(store: Store, name: str) -> None:
    """The program has been connected since before: nothing but the script itself can see it."""
    Moves(store).enqueue("a")
    assert store.queues.registered() == [QUEUE]
    store.connection.set(store.keys.layout(), "3")
    before = {key: store.connection.dump(key) for key in store.connection.keys("*")}
    script = load(name)
    queues = [QUEUE] if script.keys_each or script.keys else []
    with pytest.raises(OtherLayout):
        store.run(name, queues, *["1"] * 12)
    assert {key: store.connection.dump(key) for key in store.connection.keys("*")} == before


def test_a_program_of_layout_1_finds_everything_paused(store: Store, redis_client: redis.Redis) -> None:
    Moves(store).enqueue("a")
    seen = in_force(redis_client.hgetall("test:@paused"), 1)
    assert seen[EVERYTHING].closed
    assert "upgrade jobctl" in seen[EVERYTHING].reason
    assert store.pauses.now() == {}


def test_opening_a_store_asks_once(store: Store, redis_client: redis.Redis) -> None:
    Moves(store).enqueue("a")
    other = Store(redis_client, "test")
    before = commands(redis_client)
    other.queues.registered()
    first = commands(redis_client) - before
    other.queues.registered()
    assert commands(redis_client) - before - first == first - 2  # GET and EXISTS, in the same round trip


def commands(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])
