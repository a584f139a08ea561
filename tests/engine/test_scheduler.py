"""The scheduler process over a faked store."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.engine.driven import Driven
from tests.support import PATIENCE_S

Start = Callable[..., Driven]
MINUTE, DAY = 60_000, 86_400_000


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Driven] = []

    def run(schedules: dict[str, int], **given: Any) -> Driven:
        driven = Driven("tests.engine.drive_scheduler", {"schedules": schedules, **given})
        started.append(driven)
        return driven

    yield run
    for driven in started:
        driven.close()


def test_every_tick_comes_once_in_order_and_aligned(start: Start) -> None:
    scheduler = start({"sync": 100})
    ticks = [scheduler.wait_for("tick")["tick"] for _ in range(8)]
    assert all(earlier < later for earlier, later in pairwise(ticks))
    assert all(tick % 100 == 0 for tick in ticks)


def test_ticks_are_on_time(start: Start) -> None:
    scheduler = start({"sync": 200})
    assert any(scheduler.wait_for("tick")["late"] < 150 for _ in range(200))


def test_sigterm_ends_it_with_exit_code_0_even_when_redis_is_slow(start: Start) -> None:
    scheduler = start({"sync": 50}, slow_s=1.0)
    scheduler.wait_for("try")
    scheduler.signal(signal.SIGTERM)
    before = len(scheduler.seen)
    scheduler.wait_for("leave")
    assert scheduler.exit_code() == 0
    assert sum(event["event"] == "try" for event in scheduler.seen[before:]) <= 1


def test_a_tick_that_finds_redis_down_is_tried_again_until_it_is_in(start: Start) -> None:
    scheduler = start({"sync": 3_000}, fail=1)
    first = scheduler.wait_for("try")["tick"]
    scheduler.log("will be retried")
    assert scheduler.wait_for("tick")["tick"] == first


def test_ticks_that_wait_for_redis_go_in_with_the_first_heartbeat_that_succeeds(start: Start) -> None:
    scheduler = start({"sync": 500}, fail=2)
    scheduler.log("Redis answers again")
    before = len(scheduler.seen)
    scheduler.wait_for("tick")
    assert not any(event["event"] == "beat" for event in scheduler.seen[before:])


def test_of_ticks_missed_during_an_outage_only_the_latest_is_kept(start: Start) -> None:
    scheduler = start({"sync": 200}, fail=1, cursors={"sync": 0})
    failed = scheduler.wait_for("try")["tick"]
    scheduler.log("were missed")
    entered = [scheduler.wait_for("tick")["tick"] for _ in range(3)]
    assert failed not in entered
    assert entered == sorted(set(entered))


def test_ticks_that_passed_while_no_scheduler_ran_are_told_in_one_line(start: Start) -> None:
    scheduler = start({"sync": 200}, cursors={"sync": 60_000})
    scheduler.log("were missed since")
    scheduler.wait_for("tick")
    scheduler.wait_for("tick")
    lines = [text for event in scheduler.seen if "were missed since" in (text := event.get("message", ""))]
    first, *others = [int(line.split(": ")[1].split()[0]) for line in lines]
    assert 299 <= first <= 300 + PATIENCE_S * 5
    assert all(count < 299 for count in others)  # of a machine that stood still meanwhile


def test_of_two_schedulers_that_start_together_one_makes_up_for_what_was_missed(start: Start) -> None:
    """Each sees that the other lives, and leaves it time to do what it may have in hand."""
    scheduler = start({"yearly": 365 * DAY}, cursors={"yearly": 800 * DAY}, alone=False, again_s=0.5)
    assert "2 ticks were missed since" in scheduler.log("missed since")["message"]


@pytest.mark.parametrize("ahead_ms", [10_000, 2 * DAY, -10_000])
def test_ticks_come_when_redis_has_come_to_them_whatever_the_clock_of_the_machine(start: Start, ahead_ms: int) -> None:
    scheduler = start({"sync": 200}, ahead_ms=[ahead_ms])
    assert ("ahead of" if ahead_ms > 0 else "behind") in scheduler.log("Redis's, by which ticks are due")["message"]
    seen = [scheduler.wait_for("tick") for _ in range(6)]
    assert all(earlier["tick"] < later["tick"] for earlier, later in pairwise(seen))
    assert all(event["tick"] % 200 == 0 and event["late"] >= -1 for event in seen)
    assert seen[-1]["late"] < 1_000 or any(scheduler.wait_for("tick")["late"] < 1_000 for _ in range(200))


@pytest.mark.parametrize("wrong_ms", [2 * DAY, 5 * MINUTE, -5 * MINUTE])
def test_a_clock_that_goes_wrong_and_is_put_right_stops_no_schedule(start: Start, wrong_ms: int) -> None:
    """What the timer had planned for two days ahead is planned anew, and nothing is made up for."""
    scheduler = start({"sync": 400}, ahead_ms=[0, wrong_ms, 0])
    ticks = [scheduler.wait_for("tick") for _ in range(7)]
    assert all(earlier["tick"] < later["tick"] for earlier, later in pairwise(ticks))
    assert all(event["tick"] % 400 == 0 and -1_000 <= event["late"] < PATIENCE_S * 1_000 for event in ticks)


def test_a_bug_in_the_store_does_not_stop_the_timer(start: Start) -> None:
    scheduler = start({"sync": 400}, fail=1, broken=True)
    scheduler.log("ValueError: a bug")
    scheduler.wait_for("tick")
    scheduler.wait_for("tick")


def test_a_dead_timer_ends_the_process_and_says_so(start: Start) -> None:
    scheduler = start({"sync": 100}, timer_works=[False])
    scheduler.log("the timer has failed 5 times in a row, the last time with RuntimeError: a bug of the timer")
    scheduler.log("start it again")
    assert scheduler.exit_code() == 1


def test_a_timer_that_fails_now_and_again_continues(start: Start) -> None:
    scheduler = start({"sync": 100}, timer_works=[*[False] * 4, True, *[False] * 4, True])
    scheduler.wait_for("tick")
    scheduler.signal(signal.SIGTERM)
    assert scheduler.exit_code() == 0


def test_sighup_adds_removes_and_changes_schedules(start: Start) -> None:
    scheduler = start({"stays": 100, "goes": 100}, after_reload={"stays": 100, "comes": 100})
    scheduler.wait_for("tick", name="goes")
    scheduler.signal(signal.SIGHUP)
    scheduler.log("schedule comes added")
    mark = scheduler.wait_for("tick", name="comes")["tick"]
    for _ in range(3):
        scheduler.wait_for("tick", name="stays")
    assert not any(e.get("name") == "goes" and e["tick"] > mark for e in scheduler.seen if e["event"] == "tick")


def test_sighup_with_a_broken_catalog_keeps_the_schedules(start: Start) -> None:
    scheduler = start({"sync": 100})
    scheduler.wait_for("tick")
    scheduler.signal(signal.SIGHUP)
    assert "jobs.yaml:1:1: broken" in scheduler.log("reload failed")["message"]
    scheduler.wait_for("tick")


def test_systemd_hears_ready_once_redis_has_been_reached(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        start({"sync": 100}, notify=str(tmp_path / "notify"), fail=3)
        assert systemd.recv(1000) == b"STATUS=Redis unreachable"
        while not systemd.recv(1000).startswith(b"READY=1"):
            pass
