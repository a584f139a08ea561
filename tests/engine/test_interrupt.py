"""How attempts are interrupted: at most once, only while armed, and also when they have not begun."""

from __future__ import annotations

import threading

import pytest

from jobctl import clock
from jobctl.engine.attempt.interrupt import GRACE_S, Guard
from jobctl.engine.process.desk import Desk
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, CancelToken
from jobctl.store.nouns.settle import Reserved
from tests.support import PATIENCE_S, eventually


class Guarded:
    """A thread that computes under a guard until it is interrupted or told to go on, as often as the test asks."""

    def __init__(self, token: CancelToken, deadline: float) -> None:
        self.guard = Guard(threading.Event())
        self.caught: list[type[BaseException]] = []
        self.over = False
        self._token, self._deadline = token, deadline
        self._armed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._armed.wait(PATIENCE_S)

    def _work(self) -> None:
        """In a function of its own: a loop that stands in a `try` has instructions that are outside of it."""
        if not self._armed.is_set():
            self.guard.arm(self._deadline, self._token, interrupts=True)
            self._armed.set()
        while not self.over:
            clock.monotonic()

    def _run(self) -> None:
        while not self.over:
            try:
                self._work()
            except (AttemptCancelled, AttemptTimeout) as interrupt:
                self.caught.append(type(interrupt))
        self.guard.disarm()

    def end(self) -> None:
        self.over = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("reason", ["cancelled", "shutdown"])
def test_a_cancel_interrupts_a_plain_function_once_and_its_deadline_does_not_again(reason: str) -> None:
    token, now = CancelToken(), clock.monotonic()
    job = Guarded(token, now + 60)
    assert job.guard.check(now)
    token.cancel(reason)
    assert job.guard.check(now)
    eventually(lambda: job.caught == [AttemptCancelled])
    assert job.guard.check(now)
    assert not job.guard.check(now + 61)
    job.end()
    assert job.caught == [AttemptCancelled]


def test_one_that_swallowed_its_cancel_is_given_up_after_its_deadline_as_cancelled() -> None:
    token, now = CancelToken(), clock.monotonic()
    job = Guarded(token, now + 60)
    token.cancel("cancelled")
    job.guard.check(now)
    eventually(lambda: job.caught)
    job.guard.check(now + 61)
    assert not job.guard.ignored(now + 60 + GRACE_S)
    assert job.guard.ignored(now + 61 + GRACE_S)
    assert job.guard.reason == "cancelled"
    job.end()


def test_none_is_raised_after_the_attempt_is_over() -> None:
    token, now = CancelToken(), clock.monotonic()
    job = Guarded(token, now + 60)
    job.end()
    token.cancel("cancelled")
    assert not job.guard.check(now + 61)
    assert job.caught == []


def test_a_job_that_was_fetched_and_has_not_begun_is_cancelled_when_it_begins() -> None:
    desk, token = Desk(1), CancelToken()
    job = Reserved(id="a", queue="default", token="1", body=b"", record=b"", crashes=0)
    desk.take((job,))
    desk.cancel(job, "cancelled")
    desk.begin(job, token)
    assert token.reason == "cancelled"


def test_a_cancel_is_forgotten_with_the_attempt() -> None:
    desk, token = Desk(1), CancelToken()
    job = Reserved(id="a", queue="default", token="1", body=b"", record=b"", crashes=0)
    desk.take((job,))
    desk.cancel(job, "cancelled")
    desk.end(job, None)
    desk.take((job,))
    desk.begin(job, token)
    assert token.reason is None


def test_the_processs_own_handle_is_left_as_it_is() -> None:
    """Dramatiq's TimeLimit and Shutdown call it with arguments of their own."""
    import ctypes

    assert ctypes.pythonapi.PyThreadState_SetAsyncExc.argtypes is None
