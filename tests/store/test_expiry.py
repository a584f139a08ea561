"""Jobs that are past their time: dead where they wait, told to the worker where they run."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.newjob import Unique
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.settle import Ended
from tests.store.hourglass import HOUR
from tests.store.moves import QUEUE, Moves


def make_late(store: Store, *ids: str) -> None:
    """As if the time of these jobs were over."""
    store.client.zadd(store.keys.expiring(QUEUE), dict.fromkeys(ids, store.processes.now_ms() - 1), xx=True)


def lapse(store: Store, *ids: str) -> int:
    record = codec.encode(codec.Record(error="Expired", group="g1", finished=1))
    info = codec.encode(GroupInfo("act", "Expired", "late"))
    return store.expiry.lapse(QUEUE, [Ended(i, "", record, b"{}", group="g1", group_info=info) for i in ids])


@pytest.mark.parametrize("where", ["waiting", "ordered", "limited", "delayed", "retrying"])
def test_a_job_past_its_time_is_found_and_dead_wherever_it_waits(moves: Moves, store: Store, where: str) -> None:
    moves.enqueue(
        "a",
        expires_ms=HOUR,
        priority=5 if where == "ordered" else 0,
        lane="c:act" if where == "limited" else "",
        delay_ms=2 * HOUR if where == "delayed" else None,
        unique=Unique("act|k", "finished"),
    )
    if where == "retrying":
        moves.retry(*moves.fetch())
    assert store.expiry.expecting([QUEUE]) == []
    assert lapse(store, "a") == 0
    make_late(store, "a")
    assert [job.id for job in store.expiry.overdue(QUEUE).jobs] == ["a"]
    assert [lapse(store, "a") for _ in range(2)] == [1, 0]
    assert moves.state("a") == "dead"
    assert moves.fetch(5) == []
    assert moves.waiting() == 0
    assert not store.client.exists(store.keys.unique(QUEUE, "act|k"), store.keys.expiring(QUEUE))


def test_a_running_job_is_left_to_its_worker_who_is_told_when(moves: Moves, store: Store) -> None:
    before = store.processes.now_ms()
    moves.enqueue("a", expires_ms=HOUR)
    [job] = moves.fetch()
    assert before + HOUR <= job.expires_ms <= store.processes.now_ms() + HOUR
    make_late(store, "a")
    assert (store.expiry.overdue(QUEUE).read, store.expiry.overdue(QUEUE).jobs) == (1, [])
    assert lapse(store, "a") == 0
    assert moves.state("a") == "running"


@pytest.mark.parametrize("end", ["complete", "bury", "cancel", "empty"])
def test_a_job_that_ended_does_not_expire_any_more(moves: Moves, store: Store, end: str) -> None:
    moves.enqueue("a", expires_ms=HOUR, lane="c:act")
    if end == "cancel":
        moves.cancel("a")
    elif end == "empty":
        store.queues.empty(QUEUE)
    else:
        getattr(moves, end)(*moves.fetch())
    assert not store.client.exists(store.keys.expiring(QUEUE))
    if end == "empty":
        store.dead.restore(QUEUE, store.jobs.locate(QUEUE, ["a"]))
    else:
        store.jobs.revive(QUEUE, [("a", "g1" if end == "bury" else "")])
    assert [job.expires_ms for job in moves.fetch()] == ([] if end == "complete" else [0])


def test_a_retried_job_keeps_its_time(moves: Moves, store: Store) -> None:
    moves.enqueue("a", expires_ms=HOUR)
    [job] = moves.fetch()
    moves.retry(job, delay_ms=-1)
    assert [again.expires_ms for again in moves.fetch()] == [job.expires_ms]


def test_the_late_ones_of_many_leave_the_others_of_their_lane(moves: Moves, store: Store) -> None:
    moves.enqueue(*(f"j{i}" for i in range(300)), expires_ms=HOUR, lane="c:act")
    late = [f"j{i}" for i in range(0, 300, 2)]
    make_late(store, *late)
    found = [job.id for job in store.expiry.overdue(QUEUE).jobs]
    assert sorted(found) == sorted(late)
    assert lapse(store, *found) == 150
    assert moves.fetch_ids(2) == ["j1", "j3"]


def test_at_maxmemory_late_jobs_die(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", expires_ms=HOUR)
    moves.enqueue("c", expires_ms=HOUR, lane="c:act")
    make_late(store, *"abc")
    store.client.config_set("maxmemory-policy", "noeviction")
    store.client.config_set("maxmemory", "1mb")
    try:
        assert lapse(store, *"abc") == 3
    finally:
        store.client.config_set("maxmemory", "0")
