"""Progress and log lines belong to the attempt that holds the job, and to no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.data.records import Progress
from jobctl.store.nouns.logs import Batch, LogLine
from jobctl.store.nouns.progress import Reached, Told, following
from jobctl.store.nouns.settle import Reserved
from jobctl.store.nouns.shown import to_job
from tests.store.moves import QUEUE, Moves


def told(store: Store, job_id: str) -> Progress | None:
    found = store.jobs.find(job_id)
    assert found is not None
    return to_job(found).progress


def say(store: Store, job: Reserved, done: float) -> bool:
    return store.progress.write(QUEUE, Reached(job.id, job.token, Told(done, 13_000, 10, "going", (1, 10_000))))


def test_a_running_job_tells_how_far_it_is_and_when_it_will_be_done(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    assert told(store, "a") is None
    assert say(store, job, 4)
    progress = told(store, "a")
    assert progress is not None
    assert (progress.done, progress.total, progress.message, progress.eta_s) == (4, 10, "going", 6.0)


@pytest.mark.parametrize(
    ("done", "total", "took_ms", "eta_s"),
    [(5, 10, 4_000, 5.0), (12, 10, 4_000, 0.0), (2, 1_000, 30_000, 29_940.0), (21, 2_000, 4_000, 395.8)],
)
def test_an_eta_goes_by_the_rate_since_the_attempt_first_said_something(
    done: float, total: float, took_ms: int, eta_s: float
) -> None:
    first = following(None, 1, 50_000, total, None)
    assert following(first, done, 50_000 + took_ms, total, None).eta_s == eta_s


@pytest.mark.parametrize(
    ("done", "total", "took_ms"),
    [(0, 10, 5_000), (1, 10, 5_000), (5, None, 5_000), (5, 10, 1_900), (2, 1_000_000, 5_000), (5, 10, -5_000)],
)
def test_what_cannot_be_foretold_yet_has_no_eta(done: float, total: float | None, took_ms: int) -> None:
    first = following(None, 1, 50_000, total, None)
    assert first.eta_s is None
    assert following(first, done, 50_000 + took_ms, total, None).eta_s is None


def test_an_attempt_that_goes_on_from_a_checkpoint_is_not_taken_for_a_fast_one() -> None:
    first = following(None, 9_000, 50_000, 10_000, None)
    later = following(following(first, 9_050, 52_000, 10_000, None), 9_100, 60_000, 10_000, None)
    assert later.eta_s == 90.0
    assert following(later, 5, 61_000, 10_000, None).first is None, "it began anew"


ENDS: dict[str, Callable[[Moves, Reserved], object]] = {
    "complete": lambda moves, job: moves.complete(job),
    "retry": lambda moves, job: moves.retry(job),
    "bury": lambda moves, job: moves.bury(job),
    "requeue": lambda moves, job: moves.requeue(job),
    "cancelled": lambda moves, job: moves.cancelled(job),
}


@pytest.mark.parametrize("end", ENDS)
def test_progress_goes_with_its_attempt_and_the_next_one_begins_anew(moves: Moves, store: Store, end: str) -> None:
    moves.enqueue("a", "b")
    job, other = moves.fetch(2)
    assert say(store, job, 4)
    assert say(store, other, 7)
    ENDS[end](moves, job)
    assert told(store, "a") is None
    assert told(store, "b") is not None
    assert store.client.hkeys(store.keys.progress(QUEUE)) == [b"b"]


def test_an_attempt_that_lost_its_job_can_say_nothing_more(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (old,) = moves.fetch()
    ENDS["requeue"](moves, old)
    (new,) = moves.fetch()
    line = (LogLine(1, 0, "log", "ghost"),)
    assert not say(store, old, 9)
    assert not store.logs.append(QUEUE, Batch("a", old.token, line))
    assert told(store, "a") is None
    assert store.logs.read(QUEUE, "a") == []
    assert say(store, new, 1)
    assert store.logs.append(QUEUE, Batch("a", new.token, line))


def test_a_follower_of_a_log_gets_every_line_once_however_alike_they_are(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    got: list[LogLine] = []
    position = "-"
    for count in (0, 3, 0, 1, 7):
        same = (LogLine(1, 0, "log", "same"),) * count
        assert not count or store.logs.append(QUEUE, Batch("a", job.token, same))
        lines, position = store.logs.after(QUEUE, "a", position)
        assert len(lines) == count
        got += lines
    assert got == store.logs.read(QUEUE, "a")
