"""Ticks: taken once, whoever tries, when Redis's clock has come to them; and cursors that a wrong clock has moved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis

from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.schedules import SchedulePause, Tick, Ticked
from jobctl.store.wire.connection import connect
from tests.store.moves import QUEUE
from tests.support import eventually

STEP = 100
DAY = 86_400_000


@pytest.fixture
def now(store: Store) -> int:
    """Redis's clock, at a tick of a schedule that is due every 100 ms."""
    return store.processes.now_ms() // STEP * STEP


def tick(store: Store, at: int, step: int = STEP) -> Ticked:
    """As one that was missed: those before it may have been missed, too."""
    job = NewJob(id=f"t{at}", type="act", queue=QUEUE, payload={})
    return store.schedules.tick(Tick("s", at, at + step, job, how="caught_up"))


def outcome(store: Store, at: int, step: int = STEP) -> str:
    return tick(store, at, step).outcome


def damage(store: Store, first: int, last: int) -> None:
    """As a scheduler whose clock was ahead left it, before ticks were judged by Redis's clock: it took the ticks from
    `first` to `last`."""
    fields = {"s": last, "s|run": f"{first} {last + STEP}"}
    store.writer.hset(store.keys.cursors(), mapping=fields)  # type: ignore[arg-type]


def waiting(store: Store) -> int:
    return store.queues.depth([QUEUE])[0].waiting


def test_eight_schedulers_take_each_tick_once(store: Store, redis_url: str) -> None:
    def run(number: int) -> list[str]:
        with connect(redis_url) as client:
            mine = Store(client, "test")
            jobs = [NewJob(id=f"{number}.{at}", type="act", queue=QUEUE, payload={}) for at in range(1, 51)]
            return [mine.schedules.tick(Tick("s", at, at + 1, job)).outcome for at, job in enumerate(jobs, 1)]

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(run, range(8)))
    by_tick = list(zip(*said, strict=True))
    assert all(one.count("used") <= 1 for one in by_tick)
    assert by_tick[-1].count("used") == 1
    assert waiting(store) == sum(one.count("used") for one in by_tick)
    assert store.schedules.cursors(["s"])["s"].last_ms == 50


def test_a_paused_schedule_lets_its_ticks_pass(store: Store) -> None:
    store.schedules.pause("s", SchedulePause(0, "me", "a reason"))
    assert outcome(store, 100) == "paused"
    assert store.schedules.resume("s")
    assert outcome(store, 100) == "taken"
    assert outcome(store, 200) == "used"


def test_a_tick_says_which_was_before_it(store: Store) -> None:
    assert [tick(store, at).before_ms for at in (100, 200, 500)] == [None, 100, 200]


@pytest.mark.parametrize("ahead", [5_000, 2 * DAY])
def test_a_clock_that_is_ahead_moves_no_cursor(store: Store, now: int, ahead: int) -> None:
    assert outcome(store, now) == "used"
    said = tick(store, now + ahead)
    assert said.outcome == "early"
    assert now <= said.now_ms < now + 5_000
    assert store.schedules.cursors(["s"])["s"].last_ms == now
    assert waiting(store) == 1


def test_a_clock_may_be_a_little_ahead(store: Store, now: int) -> None:
    assert outcome(store, now + 500) == "used"
    assert outcome(store, now + 500) == "taken"


def test_a_cursor_that_is_far_ahead_returns_and_says_so(store: Store, now: int) -> None:
    damage(store, now + 2 * DAY, now + 2 * DAY)
    first = tick(store, now)
    assert (first.outcome, first.set_back_ms, first.before_ms) == ("used", now + 2 * DAY, None)
    cursor = store.schedules.cursors(["s"])["s"]
    assert (cursor.last_ms, cursor.last_job) == (now, f"t{now}")
    assert cursor.set_back is not None
    assert cursor.set_back[1] == now + 2 * DAY
    second = tick(store, now + STEP)
    assert (second.outcome, second.set_back_ms, second.before_ms) == ("used", None, now)


def test_a_cursor_that_is_ahead_by_less_than_one_interval_stays(store: Store, now: int) -> None:
    damage(store, now + 30_000, now + 30_000)
    assert outcome(store, now, step=60_000) == "taken"
    assert store.schedules.cursors(["s"])["s"].last_ms == now + 30_000


def test_ticks_that_were_enqueued_are_not_enqueued_again_when_their_time_comes(store: Store, now: int) -> None:
    first, last = now + 1_500, now + 1_800
    damage(store, first, last)
    assert outcome(store, now) == "used"
    eventually(lambda: store.processes.now_ms() >= last - 500)
    said = [outcome(store, at) for at in range(first - STEP, last + 2 * STEP, STEP)]
    assert said == ["used", *["taken"] * 4, "used"]


def test_ticks_that_another_wrong_clock_had_taken_stay_taken(store: Store, now: int) -> None:
    """Also those of an earlier stretch, when a later one has been set back, too."""
    damage(store, now + 1_500, now + 1_500)
    outcome(store, now)
    damage(store, now + DAY, now + DAY)
    outcome(store, now + STEP)
    eventually(lambda: store.processes.now_ms() >= now + 700)
    assert [outcome(store, now + 1_500), outcome(store, now + 1_600)] == ["taken", "used"]


def test_what_is_remembered_of_wrong_clocks_is_bounded(store: Store, now: int) -> None:
    for day in range(1, 30):
        damage(store, now + day * DAY, now + day * DAY)
        outcome(store, now - 10_000 + day * STEP)
    kept = store.client.hget(store.keys.cursors(), "s|taken").split()
    assert len(kept) == 8


def test_a_stretch_is_what_was_enqueued_without_a_gap(store: Store, now: int, redis_client: redis.Redis) -> None:
    run = partial(redis_client.hget, store.keys.cursors(), "s|run")
    for at in (0, STEP, 2 * STEP):
        outcome(store, now - 2_000 + at)
    assert run() == f"{now - 2_000} {now - 2_000 + 3 * STEP}".encode()
    outcome(store, now)
    assert run() == f"{now} {now + STEP}".encode()
    store.schedules.pause("s", SchedulePause(0, "me", "a reason"))
    outcome(store, now + STEP)
    assert run() is None
