"""What grows has a bound."""

from __future__ import annotations

import pytest

from jobctl import clock
from jobctl.store import Store
from jobctl.store.data.newjob import Unique
from jobctl.store.data.records import Event
from jobctl.store.nouns import events
from jobctl.store.nouns.logs import KEEP_MS, MAX_LINES, Batch, LogLine
from jobctl.store.nouns.settle import Ended
from jobctl.store.wire import steps
from jobctl.store.wire.bounds import EVENTS_KEPT
from tests.store.moves import QUEUE, Moves
from tests.support import PATIENCE_S, eventually


def test_the_stream_of_events_is_a_ring(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    for _ in range(EVENTS_KEPT + 2_000):
        store.connection.xadd(store.keys.events(), {"e": b"{}"})
    (job,) = moves.fetch()
    event = events.encode(Event(at=clock.to_datetime(1), event="completed", id="a", type="act", queue=QUEUE))
    store.settle.write([store.settle.complete(QUEUE, 1000, 10, [Ended("a", job.token, b"{}", event)])])
    assert store.client.xlen(store.keys.events()) <= EVENTS_KEPT + 200
    found, _ = store.events.recent(1)
    assert [e.id for e in found] == ["a"]


def test_the_stream_of_events_is_bounded_in_bytes(moves: Moves, store: Store) -> None:
    """A group commit of 500 events was one entry of any size: 10,000 of them were 1.3 GB."""
    message = "x" * 500
    told = Event(at=clock.to_datetime(1), event="dead", id="a", type="act", queue=QUEUE, message=message)
    for _ in range(3):
        ids = store.mint.many(QUEUE, 400)
        moves.enqueue(*ids)
        ended = [Ended(job.id, job.token, b"{}", events.encode(told)) for job in moves.fetch_all(400)]
        store.settle.write([store.settle.complete(QUEUE, 1000, 1000, ended)])
    entries = store.client.xrange(store.keys.events())
    assert sum(fields[b"e"].count(b"\n") + 1 for _, fields in entries) == 1_200
    assert max(len(fields[b"e"]) for _, fields in entries) <= 8_000


@pytest.mark.parametrize("how", ["retry", "bury", "requeue"])
def test_what_is_cancelled_is_told_to_be_cancelled(moves: Moves, store: Store, how: str) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    moves.cancel("a")
    said = {"retry": "retrying", "bury": "dead", "requeue": "lost"}[how]
    event = events.encode(Event(at=clock.to_datetime(1), event=said, id="a", type="act", queue=QUEUE))
    ended = Ended("a", job.token, b"{}", event, group="g1", group_info=b"{}")
    store.settle.write([getattr(store.settle, how)(QUEUE, [ended])])
    assert moves.state("a") == "cancelled"
    found, _ = store.events.recent()
    assert [(e.event, e.id) for e in found] == [("cancelled", "a")]


def test_a_job_that_gives_way_is_told_to_be_cancelled(moves: Moves, store: Store) -> None:
    unique = Unique("act|k", "finished", on_conflict="replace")
    moves.enqueue("a", unique=unique)
    moves.enqueue("b", unique=unique)
    found, _ = store.events.recent()
    assert [(e.event, e.id, e.error, e.message) for e in found] == [("cancelled", "a", "Replaced", "replaced by job b")]


def test_a_job_keeps_its_latest_log_lines_for_a_week(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    for start in range(0, MAX_LINES + 500, 100):
        some = tuple(LogLine(1, i, "stdout", str(i)) for i in range(start, start + 100))
        assert store.logs.append(QUEUE, Batch("a", job.token, some))
    lines = store.logs.read(QUEUE, "a")
    assert (len(lines), lines[-1].text) == (MAX_LINES, str(MAX_LINES + 499))
    assert 0 < store.client.pttl(store.keys.logs(QUEUE, "a")) <= KEEP_MS


def test_logs_are_kept_as_long_as_the_queue_keeps_jobs(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    batch = Batch("a", job.token, (LogLine(1, 0, "stdout", "x"),))
    steps.run(store, [store.logs.rows(QUEUE, [batch], 30 * 86_400_000)])
    assert store.client.pttl(store.keys.logs(QUEUE, "a")) > 29 * 86_400_000


def test_completed_jobs_are_never_more_than_a_hundredth_beyond_their_count(moves: Moves, store: Store) -> None:
    kept = []
    for number in range(430):
        moves.enqueue(f"j{number}")
        moves.complete(*moves.fetch(), keep_count=200)
        kept.append(store.client.zcard(store.keys.completed(QUEUE)))
    assert kept[:201] == [*range(1, 202)]
    assert {*kept[200:]} == {200, 201, 202}


def test_completed_jobs_with_large_attempts_are_never_many_more_than_their_count(moves: Moves, store: Store) -> None:
    """Of what these leave, one call forgets fewer than come between two of its looks."""
    ids = [f"j{number}" for number in range(2_150)]
    moves.enqueue(*ids)
    lines = "\n".join(f"- {'x' * 4_000}" for _ in range(25))
    kept = []
    for number in range(len(ids)):
        [job] = moves.fetch()
        if number < 150:
            store.client.hset(store.keys.attempts(QUEUE), job.id, lines)
        moves.complete(job, keep_count=2_000)
        kept.append(store.client.zcard(store.keys.completed(QUEUE)))
    assert 2_000 <= max(kept[2_000:]) <= 2_000 + 20 + 2 * 5


def test_completed_jobs_stay_not_much_longer_than_their_age(moves: Moves, store: Store) -> None:
    moves.enqueue(*(f"j{number}" for number in range(40)))
    moves.complete(*moves.fetch(), keep_ms=100_000)
    store.client.zadd(store.keys.completed(QUEUE), {"j0": store.processes.now_ms() - 101_100})
    for _ in range(30):
        moves.complete(*moves.fetch(), keep_ms=100_000)
    assert store.client.zscore(store.keys.completed(QUEUE), "j0") is None
    assert store.client.zcard(store.keys.completed(QUEUE)) == 30


@pytest.mark.parametrize("by", ["count", "age", "hand", "trash", "reuse"])
def test_the_log_goes_with_the_job(moves: Moves, store: Store, by: str) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    assert store.logs.append(QUEUE, Batch("a", job.token, (LogLine(1, 0, "stdout", "x"),)))
    match by:
        case "count":
            moves.complete(job, keep_count=0)
        case "age":
            moves.complete(job)
            eventually(lambda: store.queues.expire(QUEUE, 1, 100).others)
        case "hand":
            moves.complete(job)
            store.jobs.remove(QUEUE, ["a"])
        case "trash":
            moves.bury(job)
            store.dead.discard(QUEUE, [("a", "g1")])
            store.client.zadd(store.keys.trash(QUEUE), {"a": 1})
            store.queues.expire(QUEUE, 1, 100)
        case "reuse":
            moves.complete(job)
            store.client.zadd(store.keys.completed(QUEUE), {"a": 1})
            assert moves.enqueue("a") == [True]
    assert store.logs.read(QUEUE, "a") == []


def test_the_age_of_the_oldest_is_that_of_the_head(moves: Moves, store: Store) -> None:
    old = store.mint.new(QUEUE, clock.now_ms() - 60_000)
    moves.enqueue(old, store.mint.new(QUEUE))
    age = store.queues.depth([QUEUE])[0].oldest_waiting_s
    assert age is not None
    assert 59 < age < 60 + PATIENCE_S
