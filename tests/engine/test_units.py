"""Back-off, stop flag, configuration, loop and sd_notify, each alone."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from jobctl.engine.process import config
from jobctl.engine.process.config import ChildConfig, default_threads
from jobctl.engine.supervisor.crew import Backoff
from jobctl.engine.tools.loop import Early, Loop
from jobctl.engine.tools.notify import Notifier
from jobctl.engine.tools.stop import StopFlag
from tests.support import PATIENCE_S


def test_backoff_doubles_from_100_ms_to_10_s_and_starts_anew_after_30_healthy_seconds() -> None:
    backoff = Backoff()
    assert [backoff.next(0.0) for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert backoff.next(30.0) == 0.1


def test_a_child_configuration_survives_the_journey_and_hides_its_password() -> None:
    given = ChildConfig(
        name="a", catalog_path="jobs.yaml", redis_url="redis://:pw@host", redis_password="pw", queues=("q",)
    )
    assert ChildConfig.decode(given.encode()) == given
    assert "pw" not in repr(given)


def test_a_configuration_that_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ChildConfig.decode(b'{"name": 1}')


def test_threads_make_two_jobs_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "default_processes", lambda: 4)
    assert [default_threads(processes) for processes in (1, 2, 3, 4, 100)] == [8, 4, 3, 2, 1]


def test_a_stop_flag_wakes_the_thread_that_waits() -> None:
    flag = StopFlag()
    assert flag.wait(0.0) is False
    thread = threading.Thread(target=flag.wait)
    thread.start()
    flag.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_haste_overrides_patience_and_never_the_other_way_round() -> None:
    flag = StopFlag()
    flag.set(patient=True)
    assert flag.patient
    flag.set()
    flag.set(patient=True)
    assert not flag.patient


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_signals_are_handled_before_timers_that_are_due(loop: Loop) -> None:
    order: list[object] = []
    loop.on_signal((signal.SIGUSR1,), order.append)

    def timer(name: str) -> None:
        order.append(name)
        os.kill(os.getpid(), signal.SIGUSR1)

    loop.later(0.0, partial(timer, "a"))
    loop.later(0.0, partial(timer, "b"))
    for _ in range(4):
        loop.run_once()
    assert order == ["a", signal.SIGUSR1, "b", signal.SIGUSR1]


def test_a_cancelled_timer_does_not_fire_and_another_thread_can_wake_the_loop(loop: Loop) -> None:
    fired: list[str] = []
    loop.later(0.0, lambda: fired.append("cancelled")).cancel()
    threading.Timer(0.05, loop.wake).start()
    loop.run_once()
    assert fired == []


def test_sd_notify_reaches_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"jobctl-test-{os.getpid()}"
        systemd.bind("\0" + name)
        systemd.settimeout(PATIENCE_S)
        Notifier("@" + name).ready("2 of 2")
        assert systemd.recv(1000) == b"READY=1\nSTATUS=2 of 2"


def test_sd_notify_without_a_listener_is_silent() -> None:
    Notifier(None).ready("x")
    Notifier("/nonexistent/socket").ready("x")


def test_the_watchdog_is_fed_twice_as_often_as_systemd_asks() -> None:
    assert Notifier("@x", 30_000_000).watchdog_s == 15.0
    assert Notifier("@x").watchdog_s is None


def test_a_signal_that_comes_before_the_loop_is_kept_for_it() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        Early(signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        loop, came = Loop(), []
        loop.on_signal([signal.SIGHUP], came.append)
        loop.later(PATIENCE_S, lambda: None)
        loop.run_once()
        loop.close()
        assert came == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)
