"""`jobctl stats` over what a real worker did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.nouns.stats import MINUTE_MS
from tests.support import Cli


def done(lab: Cli, *commands: str) -> None:
    for command in commands:
        lab("enqueue", *command.split(), "--wait", "--timeout", "60s")


def moved(store: Store, queue: str, job_type: str, minutes: int) -> None:
    """As if all that was counted so far had happened so much earlier."""
    key = store.keys.of_stats(queue, f"now:{job_type}")
    store.client.hset(key, "at", store.processes.now_ms() // MINUTE_MS - minutes)


def test_what_a_worker_did_is_told_by_type(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done(lab, "greet name=a", "greet name=b", "fail", "mail name=c")
    rows = {row["name"]: row for row in lab("stats", "-o", "json").json()}
    greet, fail = rows["greet"], rows["fail"]
    assert (greet["enqueued"], greet["started"], greet["completed"], greet["failure_rate"]) == (2, 2, 2, 0)
    assert (fail["started"], fail["completed"], fail["failed"], fail["dead"], fail["failure_rate"]) == (1, 0, 1, 1, 1)
    assert sum(greet["series"]) == 2
    assert 0.001 <= greet["wait_p50_s"] <= greet["wait_p99_s"] < 60
    assert 0.001 <= fail["run_p50_s"] < 60
    assert rows["mail"]["queue"] == "email"


def test_a_delay_is_not_part_of_the_waiting_time_nor_that_before_a_retry(
    lab: Cli, store: Store, worker: Callable[[], None]
) -> None:
    worker()
    done(lab, "boom", "greet name=a --delay 1s")
    rows = {row["name"]: row for row in lab("stats", "-o", "json").json()}
    assert rows["boom"]["retried"] == 1
    assert rows["boom"]["started"] == 2
    assert rows["greet"]["wait_p99_s"] < 0.9


def test_by_queue_and_by_filter(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done(lab, "greet name=a", "fail", "mail name=c")
    assert lab("stats", "--by", "queue", "-o", "name").lines() == ["default", "email"]
    assert lab("stats", "queue:email", "-o", "name").lines() == ["mail"]
    assert lab("stats", "job:g*", "job:fail", "-o", "name").lines() == ["fail", "greet"]


def test_the_trend_is_against_the_same_time_a_day_before(lab: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    done(lab, "greet name=a", "greet name=b")
    moved(store, "default", "greet", 1530)
    done(lab, "greet name=c")
    [row] = lab("stats", "job:greet", "--since", "24h", "-o", "json").json()
    assert (row["completed"], row["completed_before"], row["trend"]) == (1, 2, -0.5)


def test_a_table_for_people(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done(lab, "greet name=a", "fail")
    head, *rows = lab("stats").lines()
    assert [word for word in ("TYPE", "DONE", "FAILED", "WAIT P50", "TREND", "COMPLETED") if word not in head] == []
    assert any("100.0%" in row for row in rows)
    assert any("█" in row for row in rows)


def test_nothing_happened(lab: Cli) -> None:
    ran = lab("stats")
    assert (ran.out, ran.code) == ("", 0)
    assert "nothing happened in the last 1h" in ran.err
    assert lab("stats", "-o", "json").json() == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("state:dead",), "statistics are counted by queue: and job: only"),
        (("error~timeout",), "statistics are counted by queue: and job: only"),
        (("--since", "100d"), "statistics go back 90 days"),
        (("--since", "soon"), "--since"),
    ],
)
def test_what_has_no_counter_is_refused(lab: Cli, args: tuple[str, ...], words: str) -> None:
    ran = lab("stats", *args)
    assert ran.code == 2
    assert words in ran.err
