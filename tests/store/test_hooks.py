"""Hooks: the script that ends a job enqueues another one, once, whatever ends it."""

from __future__ import annotations

import msgspec
import pytest

from jobctl import clock
from jobctl.store import Store
from jobctl.store.data.newjob import Unique
from jobctl.store.nouns.settle import Ended
from tests.store.moves import QUEUE, Moves


@pytest.fixture
def hooked(store: Store) -> Store:
    """Jobs of the type `act` have a hook for each way to end."""
    specs = {f"act {event}": f"notes 0 on-{event}" for event in ("dead", "cancelled", "completed")}
    store.client.hset(store.keys.hooks(), mapping=specs)
    return store


def hooks(store: Store, queue: str = "notes") -> list[tuple[str, str]]:
    """(type, job that ended) of the jobs of hooks that wait, the oldest first."""
    found = []
    for job_id in store.client.lrange(store.keys.ready(queue), 0, -1):
        body = msgspec.json.decode(store.client.hget(store.keys.bodies(queue), job_id))
        source = body["options"]["jobctl_hook"]
        assert body["message_id"] == job_id.decode()
        assert body["options"]["parent"] == source["job"]
        assert (source["queue"], source["type"]) == (QUEUE, "act")
        found.append((body["actor_name"], source["job"]))
    return found


@pytest.mark.parametrize("how", ["complete", "bury"])
def test_an_attempt_that_ends_its_job(hooked: Store, moves: Moves, how: str) -> None:
    moves.enqueue("a", "b")
    getattr(moves, how)(*moves.fetch(2))
    event = {"complete": "completed", "bury": "dead"}[how]
    assert hooks(hooked) == [(f"on-{event}", "a"), (f"on-{event}", "b")]
    assert "notes" in hooked.queues.names()
    assert hooked.client.llen(hooked.keys.wake("notes")) == 1, "an idle worker is woken"
    [kind] = hooked.stats.kinds(["notes"])
    assert hooked.stats.totals([kind])[kind].enqueued == 2


def test_a_waiting_job_that_is_cancelled(hooked: Store, moves: Moves) -> None:
    moves.enqueue("a")
    moves.cancel("a")
    moves.cancel("a")
    assert hooks(hooked) == [("on-cancelled", "a")]


@pytest.mark.parametrize("how", ["retry", "bury", "requeue"])
def test_a_running_job_that_is_cancelled_and_ends_otherwise(hooked: Store, moves: Moves, how: str) -> None:
    moves.enqueue("a")
    [job] = moves.fetch()
    moves.cancel("a")
    assert hooks(hooked) == []
    ended = [Ended("a", job.token, b"{}", group="g1", group_info=b"{}")]
    hooked.settle.write([getattr(hooked.settle, how)(QUEUE, ended)])
    assert hooks(hooked) == [("on-cancelled", "a")]


def test_a_job_that_expires(hooked: Store, moves: Moves) -> None:
    moves.enqueue("a", expires_ms=60_000)
    hooked.client.zadd(hooked.keys.expiring(QUEUE), {"a": clock.now_ms() - 1})
    assert hooked.expiry.lapse(QUEUE, [Ended("a", "", b"{}", group="g1", group_info=b"{}")]) == 1
    assert hooks(hooked) == [("on-dead", "a")]


def test_a_job_that_gives_way(hooked: Store, moves: Moves) -> None:
    unique = Unique("act|k", "finished", on_conflict="replace")
    moves.enqueue("a", unique=unique)
    moves.enqueue("b", unique=unique)
    assert hooks(hooked) == [("on-cancelled", "a")]


def test_a_late_or_repeated_end_triggers_nothing(hooked: Store, moves: Moves) -> None:
    moves.enqueue("a")
    [job] = moves.fetch()
    moves.complete(job)
    moves.complete(job)
    moves.bury(job)
    assert hooks(hooked) == [("on-completed", "a")]


def test_a_job_that_dies_again_triggers_again_under_another_id(hooked: Store, moves: Moves) -> None:
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    hooked.jobs.revive(QUEUE, [("a", "g1")])
    moves.bury(*moves.fetch())
    assert hooks(hooked) == [("on-dead", "a"), ("on-dead", "a")]


def test_the_job_of_a_hook_triggers_none(store: Store, moves: Moves) -> None:
    store.client.hset(store.keys.hooks(), mapping={"act dead": f"{QUEUE} 0 act", "act completed": f"{QUEUE} 0 act"})
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    [job] = moves.fetch()
    assert job.id.startswith("a@dead-")
    moves.bury(job)
    assert moves.fetch() == []


def test_a_job_whose_chosen_id_looks_like_one_of_a_hook_has_its_hooks(hooked: Store, moves: Moves) -> None:
    moves.enqueue("order@shop-7")
    moves.complete(*moves.fetch())
    assert hooks(hooked) == [("on-completed", "order@shop-7")]


def test_its_priority_and_what_is_hidden_are_those_of_its_type(store: Store, moves: Moves) -> None:
    store.client.hset(store.keys.hooks(), "act dead", 'notes -7 tell ["to","card.number"]')
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    [job] = moves.fetch(queues=["notes"])
    assert store.client.hget(store.keys.priorities("notes"), job.id) == b"-7"
    assert msgspec.json.decode(job.body)["options"]["redact"] == ["to", "card.number"]


def test_types_without_hooks_cost_nothing_and_are_left_alone(store: Store, moves: Moves) -> None:
    store.client.hset(store.keys.hooks(), "other dead", "notes 0 tell")
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    assert hooks(store) == []
    assert "notes" not in store.queues.names()


@pytest.mark.parametrize("rubbish", ["", "notes", "notes 0", "  ", "\xff", "notes first tell"])
def test_rubbish_in_place_of_a_hook_holds_up_no_end(store: Store, moves: Moves, rubbish: str) -> None:
    store.client.hset(store.keys.hooks(), "act dead", rubbish)
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    assert moves.state("a") == "dead"


def test_a_payload_is_written_by_the_current_attempt_only(hooked: Store, moves: Moves) -> None:
    moves.enqueue("a")
    [job] = moves.fetch()
    assert hooked.settle.fill(QUEUE, [("a", job.token, b"new")]) == 1
    assert hooked.client.hget(hooked.keys.bodies(QUEUE), "a") == b"new"
    assert hooked.settle.fill(QUEUE, [("a", "1-1", b"newer")]) == 0
    assert hooked.client.hget(hooked.keys.bodies(QUEUE), "a") == b"new"
    moves.complete(job)
