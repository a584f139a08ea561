"""The supervisor over real processes whose work is faked."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.engine.driven import Driven, alive
from tests.support import PATIENCE_S, eventually

Start = Callable[..., Driven]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Driven] = []

    def run(behaviour: str, processes: int = 2, **given: Any) -> Driven:
        options = {"processes": processes, **given.pop("options", {})}
        child = {"threads": 2, "environment": {"behaviour": behaviour}, **given.pop("child", {})}
        driven = Driven("tests.engine.drive_supervisor", {"options": options, "child": child, **given})
        started.append(driven)
        return driven

    yield run
    for driven in started:
        driven.close()


def test_sigterm_drains_and_leaves_with_exit_code_0(start: Start) -> None:
    worker = start("work")
    worker.log("is ready")
    worker.signal(signal.SIGTERM)
    worker.wait_for("leave")
    assert worker.exit_code() == 0
    assert not any(event["event"] == "recover" for event in worker.seen)


def test_a_crashed_child_is_recovered_and_replaced_while_the_others_run(start: Start) -> None:
    worker = start("first crash")
    recovered = worker.wait_for("recover")
    assert recovered["child"].endswith(":1")
    assert recovered["executing"] == ["token-executing"]
    worker.log("is ready")
    assert len(worker.beat_of(2)) == 2


def test_recovery_is_tried_again_until_redis_answers(start: Start) -> None:
    worker = start("first crash", redis="down-once")
    worker.log("Redis is unreachable")
    assert worker.wait_for("recover")["executing"] == ["token-executing"]


def test_a_sweep_with_much_to_do_comes_again_at_once_and_delays_no_beat(start: Start) -> None:
    worker = start("work", redis="much to do")
    worker.wait_for("beat")
    worker.wait_for("beat")
    worker.wait_for("beat")
    between = [event["event"] for event in worker.seen].count("sweep")
    assert between >= 5, "a sweep that has more to do waited for its turn as any other"


def test_a_child_that_crashes_again_and_again_is_started_ever_more_slowly(start: Start) -> None:
    worker = start("crash", processes=1)
    for delay in (0.1, 0.2, 0.4):
        died = datetime.fromisoformat(worker.log("died")["time"])
        started = datetime.fromisoformat(worker.log("started worker process")["time"])
        assert (started - died).total_seconds() >= delay - 0.01


def test_kill_9_of_one_child_costs_only_that_one(start: Start) -> None:
    worker = start("work")
    worker.log("is ready")
    first, second = worker.beat_of(2)
    os.kill(first, signal.SIGKILL)
    worker.wait_for("recover")
    replaced = worker.beat_of(2)
    while replaced == [first, second]:
        replaced = worker.beat_of(2)
    assert second in replaced


def test_a_child_that_does_not_stop_is_killed_after_the_grace_and_recovered(start: Start) -> None:
    worker = start("hang", processes=1, child={"grace_s": 0.5})
    worker.log("is ready")
    worker.signal(signal.SIGTERM)
    assert worker.wait_for("recover")["executing"] == ["token-hanging"]
    assert worker.exit_code() == 1


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 1), (signal.SIGINT, 130)])
def test_a_second_signal_stops_now(start: Start, second: int, code: int) -> None:
    worker = start("hang")
    worker.log("is ready")
    worker.signal(signal.SIGTERM)
    worker.log("draining")
    worker.signal(second)
    worker.wait_for("recover")
    worker.wait_for("recover")
    assert worker.exit_code() == code


def test_stopping_with_redis_down_still_ends_in_time(start: Start) -> None:
    worker = start("hang", redis="down", child={"grace_s": 0.3})
    worker.log("is ready")
    worker.signal(signal.SIGTERM)
    worker.log("draining")
    worker.log("another worker will recover the jobs")
    worker.log("ended")
    assert worker.exit_code() == 1


def test_sighup_replaces_all_children_once_the_new_ones_are_ready(start: Start) -> None:
    worker = start("work")
    worker.log("is ready")
    old = worker.beat_of(2)
    worker.signal(signal.SIGHUP)
    worker.log("the old processes finish")
    eventually(lambda: not any(map(alive, old)))
    new = worker.beat_of(2)
    assert not set(old) & set(new)
    assert all(map(alive, new))


def test_sighup_with_a_broken_catalog_keeps_the_old_children(start: Start) -> None:
    worker = start("work", reload="broken")
    worker.log("is ready")
    old = worker.beat_of(2)
    worker.signal(signal.SIGHUP)
    assert "jobs.yaml:1:1: broken" in worker.log("reload failed")["message"]
    assert worker.beat_of(2) == old


def test_sighup_with_a_catalog_that_does_not_pass_its_trial_starts_nothing(start: Start) -> None:
    worker = start("work", reload="unfit")
    worker.log("is ready")
    old = worker.beat_of(2)
    worker.signal(signal.SIGHUP)
    assert "does not import" in worker.log("reload failed")["message"]
    assert worker.beat_of(2) == old


def test_sighup_keeps_the_old_children_when_the_new_ones_do_not_start(start: Start) -> None:
    worker = start("later crash")
    worker.log("is ready")
    old = worker.beat_of(2)
    worker.signal(signal.SIGHUP)
    worker.log("reload failed: the new processes did not start")
    assert set(worker.beat_of(2)) == set(old)
    assert not [event for event in worker.seen if event.get("event") == "adopted"]


def test_a_child_that_recycles_itself_is_replaced_at_once(start: Start) -> None:
    worker = start("first recycle", processes=1)
    worker.log("is ready")
    assert not any("died" in event.get("message", "") for event in worker.seen)


def test_a_child_above_its_memory_is_replaced(start: Start) -> None:
    worker = start("first fat", processes=1, options={"max_memory": 100_000_000})
    worker.log("MB of memory")
    worker.log(":1 (pid")  # the fat one ended
    assert len(worker.beat_of(1)) == 1


def test_a_child_that_is_too_old_is_replaced(start: Start) -> None:
    worker = start("work", processes=1, options={"max_age_s": 0.5})
    old = worker.beat_of(1)
    worker.log("old")
    eventually(lambda: not any(map(alive, old)))


def test_a_child_that_lost_a_thread_is_replaced(start: Start) -> None:
    worker = start("first lame", processes=1)
    worker.log("1 of its 2 threads died")
    worker.log(":1 (pid")


def test_burst_ends_where_no_process_comes_as_far_as_a_job(start: Start) -> None:
    worker = start("broken", child={"burst": True})
    assert worker.exit_code() == 1
    assert worker.log("not restarting worker process")


def test_burst_ends_when_redis_refuses_what_its_processes_ask(start: Start) -> None:
    worker = start("refused", child={"burst": True})
    assert worker.exit_code() == 3
    assert worker.log("not restarting worker process")


def test_burst_ends_when_redis_takes_no_beat(start: Start) -> None:
    worker = start("work", child={"burst": True, "patience_s": 1.0}, redis="mute")
    assert worker.exit_code() == 3
    assert worker.log("giving up after 1 s without Redis")


def test_burst_ends_when_every_child_found_its_queues_empty(start: Start) -> None:
    worker = start("empty", child={"burst": True})
    assert worker.exit_code() == 0


def test_children_die_with_a_supervisor_that_is_killed(start: Start) -> None:
    worker = start("hang")
    worker.log("is ready")
    children = worker.beat_of(2)
    worker.signal(signal.SIGKILL)
    eventually(lambda: not any(map(alive, children)))


def test_the_configuration_is_in_no_argv_and_no_environment(start: Start) -> None:
    worker = start("work", processes=1)
    worker.log("is ready")
    (pid,) = worker.beat_of(1)
    for name in ("cmdline", "environ"):
        assert b"secret" not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_systemd_hears_ready_only_when_all_children_are(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        worker = start("work", notify=str(tmp_path / "notify"), watchdog_us=200_000)
        heard: list[str] = []
        while "READY=1" not in heard:
            heard += systemd.recv(4096).decode().split("\n")
        assert "STATUS=2 of 2 processes ready, 0 jobs running" in heard
        while "WATCHDOG=1" not in heard:
            heard += systemd.recv(4096).decode().split("\n")
        worker.signal(signal.SIGTERM)
        while "STOPPING=1" not in heard:
            heard += systemd.recv(4096).decode().split("\n")


def test_systemd_does_not_hear_ready_while_a_child_is_not(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        worker = start("first unready", notify=str(tmp_path / "notify"))
        while systemd.recv(4096) != b"STATUS=1 of 2 processes ready, 0 jobs running":
            pass
        worker.signal(signal.SIGTERM)
        heard = b""
        while b"STOPPING=1" not in heard:
            heard += systemd.recv(4096)
        assert b"READY=1" not in heard
