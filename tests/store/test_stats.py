"""What is counted of jobs: by the script that changes the state, once, in bounded space."""

from __future__ import annotations

import random
import statistics

import msgspec
import pytest

from jobctl import clock
from jobctl.store import Store
from jobctl.store.data import stats
from jobctl.store.data.stats import Counts, mark
from jobctl.store.nouns.settle import Begun, Ended, Reserved
from jobctl.store.nouns.stats import DAYS, HOURS, MINUTE_MS, MINUTES, PERIODS, Kind, Period, finest, span
from jobctl.store.wire import steps
from tests.store.moves import QUEUE, Moves

ACT = Kind(QUEUE, "act")


def told(counts: Counts) -> dict[str, int]:
    """The counters that are not 0."""
    return {name: count for name in stats.COUNTERS.values() if (count := getattr(counts, name))}


def counted(store: Store, kind: Kind = ACT, period: Period = MINUTES) -> Counts:
    """All periods that are kept, together."""
    now = store.processes.now_ms()
    since = now - (period.kept - 1) * period.minutes * MINUTE_MS
    return stats.summed(store.stats.series([kind], span(period, since, now + 1))[kind])


def pass_time(store: Store, minutes: int, kind: Kind = ACT) -> None:
    """As if what is counted in the open minute had been counted so many minutes earlier."""
    key = store.keys.of_stats(kind.queue, f"now:{kind.type}")
    store.client.hincrby(key, "at", -minutes)


def begin(store: Store, *jobs: Reserved) -> None:
    """Their workers say that they run."""
    begun = [Begun(QUEUE, job.id, job.token, clock.monotonic(), mark("act", 20)) for job in jobs]
    steps.run(store, store.settle.begun(begun))


def test_each_end_of_an_attempt_counts_what_it_was(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c", "d", "e", "f")
    [a, b, c, d, e] = moves.fetch(5)
    moves.complete(a)
    moves.retry(b)
    moves.bury(c)
    moves.cancelled(d)
    moves.requeue(e, crashed=True)
    moves.cancel("f")
    assert told(counted(store)) == {
        "enqueued": 6, "started": 5, "completed": 1, "failed": 3, "retried": 1, "dead": 1, "cancelled": 2,
    }  # fmt: skip


def test_a_job_that_is_given_back_unbegun_counts_nothing(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    moves.requeue(*moves.fetch(), begun=False)
    assert told(counted(store)) == {"enqueued": 1}


def test_an_attempt_that_was_told_to_have_begun_starts_once(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    jobs = moves.fetch(2)
    begin(store, *jobs)
    begin(store, *jobs)
    assert told(counted(store)) == {"enqueued": 2, "started": 2}
    moves.complete(jobs[0])
    moves.retry(jobs[1])
    assert counted(store).started == 2
    assert counted(store).wait.total == 2


def test_what_is_late_or_repeated_counts_nothing(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    moves.enqueue("a")
    [late] = moves.fetch()
    moves.requeue(late)
    [job] = moves.fetch()
    moves.complete(late)
    moves.complete(job, job)
    moves.complete(job)
    assert told(counted(store)) == {"enqueued": 1, "started": 1, "completed": 1}


def test_a_job_that_someone_cancelled_meanwhile_counts_as_cancelled(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    jobs = moves.fetch(2)
    moves.cancel("a", "b")
    moves.retry(jobs[0])
    moves.bury(jobs[1])
    assert told(counted(store)) == {"enqueued": 2, "started": 2, "failed": 2, "cancelled": 2}


def test_times_are_read_within_ten_per_cent(store: Store, moves: Moves) -> None:
    chance = random.Random(7)
    waits = [chance.lognormvariate(5, 2) + 1 for _ in range(2_000)]
    runs = [chance.uniform(1, 90_000) for _ in waits]
    ids = [f"j{n}" for n in range(len(waits))]
    moves.enqueue(*ids)
    jobs = moves.fetch_all(len(ids))
    ended = [
        Ended(job.id, job.token, b"{}", mark=mark("act", wait, run))
        for job, wait, run in zip(jobs, waits, runs, strict=True)
    ]
    store.settle.write([store.settle.complete(QUEUE, 0, 0, ended)])
    open_minute = counted(store)
    pass_time(store, 1)
    moves.enqueue("later")
    for counts in (open_minute, counted(store), counted(store, period=HOURS)):
        assert counts.completed == len(ids)
        for measured, times in ((counts.wait, waits), (counts.run, runs)):
            cuts = statistics.quantiles(times, n=100, method="inclusive")
            for share, exact in ((0.5, cuts[49]), (0.95, cuts[94]), (0.99, cuts[98])):
                assert measured.quantile(share) == pytest.approx(exact / 1000, rel=0.1)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("ago", [0, 1, 59, 60, 100, 1_500, 4_000, 100_000])
def test_a_minute_is_found_in_every_period_that_reaches_back_to_it(
    store: Store, moves: Moves, period: Period, ago: int
) -> None:
    now = store.processes.now_ms() // MINUTE_MS
    moves.enqueue("a")
    pass_time(store, ago)
    moves.enqueue("b")
    reached = (now - ago) // period.minutes > now // period.minutes - period.kept
    assert counted(store, period=period).enqueued == 1 + reached


def test_many_minutes_add_up_in_hours_and_days(store: Store, moves: Moves) -> None:
    for n in range(60, 0, -1):
        moves.enqueue(f"{n}a", f"{n}b")
        key = store.keys.of_stats(QUEUE, "now:act")
        store.client.hset(key, "at", store.processes.now_ms() // MINUTE_MS - n)
    assert [counted(store, period=period).enqueued for period in PERIODS] == [120, 120, 120]
    assert store.stats.totals([ACT])[ACT].enqueued == 120


def test_an_old_minute_in_the_ring_is_not_taken_for_a_new_one(store: Store, moves: Moves) -> None:
    moves.enqueue("a")
    pass_time(store, MINUTES.kept)
    moves.enqueue("b")
    assert counted(store).enqueued == 1


def test_a_clock_that_is_set_back_loses_nothing(store: Store, moves: Moves) -> None:
    moves.enqueue("a")
    pass_time(store, -5)
    moves.enqueue("b")
    assert store.stats.totals([ACT])[ACT].enqueued == 2


def test_a_type_takes_less_than_100_kb_whatever_its_jobs_do(store: Store) -> None:
    """Every bucket of every period is counted, and all numbers are large."""
    fields = dict.fromkeys(stats.COUNTERS, 2**31)
    fields |= {f"{of}{n}": 2**31 for of in "wt" for n in range(stats.BUCKETS)}
    now = store.processes.now_ms() // MINUTE_MS
    key = store.keys.of_stats(QUEUE, "now:act")
    moves = Moves(store)
    for ago in [*range(90 * 1440, 3 * 1440, -1440), *range(3 * 1440, 180, -60), *range(180, -1, -1)]:
        store.client.hset(key, mapping={**fields, "at": now - ago})
        moves.enqueue(f"j{ago}")
    store.client.hset(key, mapping=fields)
    used = sum(store.client.memory_usage(key, samples=0) for key in store.client.keys("*@stats*"))
    assert 50_000 < used < 100_000


def test_after_a_thousand_types_of_a_queue_the_others_count_together(store: Store, moves: Moves) -> None:
    for n in range(1_005):
        moves.enqueue(f"j{n}", type=f"type{n}")
    moves.enqueue("again", type="type0")
    kinds = store.stats.kinds([QUEUE])
    totals = store.stats.totals(kinds)
    assert len(kinds) == 1_001
    assert totals[Kind(QUEUE, "(others)")].enqueued == 5
    assert totals[Kind(QUEUE, "type0")].enqueued == 2


@pytest.mark.parametrize("name", ["x" * 200, "tab\there", "\ud800"])
def test_a_name_that_no_catalog_has_is_counted_without_it(name: str) -> None:
    assert mark(name, 1, 1) == "0.0.?"


def test_types_of_which_nothing_was_heard_lately_are_left_out(store: Store, moves: Moves) -> None:
    moves.enqueue("a")
    moves.enqueue("b", type="old")
    now = store.processes.now_ms()
    store.client.zadd(store.keys.stats(QUEUE), {"old": now // MINUTE_MS - 100})
    assert store.stats.kinds([QUEUE], now - 3_600_000) == [ACT]


def test_the_periods_are_those_that_reach_back_far_enough() -> None:
    now = 1_800_000_000_000
    hour = 3_600_000
    ages = (hour, 2.9 * hour, 4 * hour, 70 * hour, 80 * hour, 5_000 * hour)
    assert [finest(now - int(age), now) for age in ages] == [MINUTES, MINUTES, HOURS, HOURS, DAYS, DAYS]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100, 12_345, 2**31])
def test_a_count_of_a_closed_period_is_within_six_per_cent(store: Store, moves: Moves, count: int) -> None:
    moves.enqueue("a")
    store.client.hset(store.keys.of_stats(QUEUE, "now:act"), "t40", count)
    pass_time(store, 1)
    moves.enqueue("b")
    assert counted(store).run.total == pytest.approx(count, rel=0.0626)


def test_every_bucket_stands_for_what_falls_into_it() -> None:
    for ms in (1.01, 2, 5, 77, 1_000, 123_456, 86_400_000):
        assert stats.value(stats.bucket(ms)) == pytest.approx(ms, rel=0.1)
    assert stats.bucket(0) == stats.bucket(1) == 0
    assert stats.bucket(1e15) == stats.BUCKETS - 1


def test_packed_periods_hold_all_that_was_counted(store: Store, moves: Moves) -> None:
    jobs = ["a", "b", "c"]
    moves.enqueue(*jobs)
    moves.complete(*moves.fetch(2))
    before = counted(store)
    pass_time(store, 2)
    moves.enqueue("d")
    after = counted(store)
    after.enqueued -= 1
    assert msgspec.structs.asdict(after) == msgspec.structs.asdict(before)


def test_a_type_of_which_everything_has_expired_gives_its_place_to_a_new_one(store: Store, moves: Moves) -> None:
    for n in range(1_000):
        moves.enqueue(f"j{n}", type=f"type{n}")
    store.client.zadd(store.keys.stats(QUEUE), {"type7": store.processes.now_ms() // MINUTE_MS - 92 * 1440})
    moves.enqueue("a", type="new")
    moves.enqueue("b", type="newer")
    assert store.client.zscore(store.keys.stats(QUEUE), "new")
    assert store.client.zscore(store.keys.stats(QUEUE), "type7") is None
    assert store.client.zscore(store.keys.stats(QUEUE), "newer") is None
