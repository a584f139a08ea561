"""Scripts that the server has lost, and a server that has no memory left."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import pytest

from jobctl.errors import RedisUnavailable
from jobctl.handlers.base import AttemptTimeout
from jobctl.store import Store
from jobctl.store.nouns.pauses import Pause
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.store.nouns.settle import Ended
from jobctl.store.wire import script
from jobctl.store.wire.script import load
from tests.store.moves import QUEUE, Moves
from tests.support import PATIENCE_S


def names() -> list[str]:
    return sorted(f.name[:-4] for f in (resources.files("jobctl.store") / "scripts").iterdir() if f.name[0] != "_")


@pytest.fixture
def full(moves: Moves, store: Store) -> Iterator[Store]:
    """A server at maxmemory with noeviction, with jobs in it."""
    moves.enqueue(*(f"j{i}" for i in range(40)))
    moves.enqueue(*(f"p{i}" for i in range(10)), priority=10)
    moves.enqueue("due", at_ms=1)
    moves.enqueue("later", delay_ms=60_000)
    store.client.config_set("maxmemory-policy", "noeviction")
    store.client.config_set("maxmemory", "1mb")
    yield store
    store.client.config_set("maxmemory", "0")


@pytest.mark.parametrize("name", names())
def test_every_script_compiles(store: Store, name: str) -> None:
    assert store.client.script_load(load(name).source) == load(name).sha


def test_a_lost_script_is_loaded_again(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    store.client.script_flush()
    assert moves.enqueue("a", "b") == [False, True]


def test_a_call_that_is_interrupted_leaves_its_answer_to_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a job's time limit does it, between the question and its answer."""

    def interrupted(_connection: object) -> None:
        raise AttemptTimeout

    monkeypatch.setattr(script, "_answer", interrupted)
    info = ProcessInfo(name="h:1:x", kind="worker", host="h", pid=1, queues=(), processes=1, threads=1, started_ms=1)
    store.processes.beat(info)
    store.processes.order("nobody", quiet=True)
    store.client.execute_command("CLIENT", "PAUSE", 100)
    with pytest.raises(AttemptTimeout):
        store.run_many([store.call("order", (), "nobody", "quiet", "1")])
    assert store.processes.beat(info).now_ms > 0


def test_lost_scripts_of_a_pipeline_are_loaded_and_each_call_runs_once(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    a, b, c = moves.fetch(3)
    settle = store.settle
    store.client.script_flush()
    store.client.script_load(load("retry").source)
    calls = [
        settle.complete(QUEUE, 1000, 10, [Ended(a.id, a.token, b"{}")]),
        settle.retry(QUEUE, [Ended(b.id, b.token, b"{}", delay_ms=60_000)]),
        settle.requeue(QUEUE, [Ended(c.id, c.token)]),
        settle.complete(QUEUE, 1000, 10, [Ended(a.id, a.token, b"{}")]),
    ]
    assert settle.write(calls) == [[], [], [], [(a.id, a.token)]]
    assert [moves.state(i) for i in "abc"] == ["completed", "retrying", "waiting"]


def test_at_maxmemory_work_goes_on_and_new_work_is_refused(full: Store, moves: Moves) -> None:
    with pytest.raises(RedisUnavailable) as refused:
        moves.enqueue("new")
    assert refused.value.exit_code == 3
    a, b, c, d, e = moves.fetch(5)
    assert moves.complete(a) == []
    assert moves.retry(b) == []
    assert moves.bury(c) == []
    assert moves.requeue(d, crashed=True) == []
    assert moves.cancel(e.id) == ["running"]
    assert moves.cancelled(e) == []
    assert [moves.state(i.id) for i in (a, b, c, d, e)] == ["completed", "retrying", "dead", "waiting", "cancelled"]


def test_at_maxmemory_lost_scripts_are_loaded(full: Store, moves: Moves) -> None:
    full.client.script_flush()
    assert moves.complete(*moves.fetch(5)) == []


def test_at_maxmemory_people_can_clear_up(full: Store, moves: Moves) -> None:
    moves.bury(*moves.fetch(2))
    letters = [letter.id for page in full.dead.scan(QUEUE) for letter in page]
    assert full.dead.discard(QUEUE, [(letters[0], "g1")]) == [True]
    assert full.jobs.revive(QUEUE, [(letters[1], "g1")]) == [True]
    assert moves.cancel("j20", "p5", "later") == ["waiting", "waiting", "delayed"]
    assert full.jobs.remove(QUEUE, ["j20"]) == [True]
    assert full.queues.empty(QUEUE)[1] == 0
    assert full.queues.expire(QUEUE, 0, 0).trashed == 0


def test_at_maxmemory_the_living_are_not_taken_for_dead(full: Store) -> None:
    me = ProcessInfo(
        name="h:1:x", kind="worker", host="h", pid=1, queues=(QUEUE,), processes=1, threads=1, started_ms=1
    )
    full.processes.beat(me)
    assert full.processes.beats()["h:1:x"] < PATIENCE_S * 1000


def test_at_maxmemory_a_fetch_that_finds_nothing_is_no_error(full: Store, moves: Moves) -> None:
    full.client.config_set("maxmemory", "0")
    full.pauses.pause(QUEUE, Pause(0, "", ""))
    full.client.config_set("maxmemory", "1mb")
    assert moves.fetch(5) == []
    assert moves.fetch(0, queues=["nothing"]) == []
