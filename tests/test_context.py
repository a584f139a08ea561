"""`jobctl.current()`: the job that code runs for."""

from __future__ import annotations

import asyncio
import threading

import pytest

import jobctl
from jobctl.context import Current, activate, current
from jobctl.errors import JobctlError
from tests.support import PATIENCE_S


def job(**changed) -> Current:
    fields = {
        "id": "j1",
        "type": "report",
        "queue": "default",
        "attempt": 2,
        "payload": {"day": "mon"},
        "label": None,
        "enqueuer": lambda *args, **options: (args, options),
        "stopping": lambda: False,
        "logger": lambda _text: None,
        "progresser": lambda *_told: None,
        "scrub": lambda text: text,
    }
    return Current(**{**fields, **changed})


def test_outside_a_job_it_says_so():
    with pytest.raises(JobctlError, match="no job is running here"):
        current()


def test_it_is_the_job_inside_the_block_and_the_outer_one_after_it():
    outer, inner = job(), job(id="j2")
    with activate(lambda: outer):
        with activate(lambda: inner):
            assert current() is inner
        assert current() is outer
    with pytest.raises(JobctlError):
        current()


def test_a_job_that_is_enqueued_from_inside_has_this_one_as_its_parent():
    with activate(job):
        args, options = current().enqueue("send-email", {"to": "x"}, delay="5m")
        assert args == ("send-email", {"to": "x"})
        assert options == {"parent": "j1", "delay": "5m"}
        assert current().enqueue("sync")[0] == ("sync", {})


def test_an_async_job_enqueues_in_another_thread_while_its_loop_turns():
    turned = threading.Event()

    def enqueuer(*args, **options):
        assert turned.wait(PATIENCE_S), "the event loop waits for the enqueue"
        return args, options

    async def run():
        asyncio.get_running_loop().call_later(0.01, turned.set)
        with activate(lambda: job(enqueuer=enqueuer)):
            return await current().aenqueue("send-email", {"to": "x"}, delay="5m")

    assert asyncio.run(run()) == (("send-email", {"to": "x"}), {"parent": "j1", "delay": "5m"})


def test_it_tells_whether_to_stop_and_logs():
    lines: list[str] = []
    with activate(lambda: job(stopping=lambda: True, logger=lines.append)):
        assert current().cancelled
        current().log("half way")
    assert lines == ["half way"]


def test_coroutines_and_their_tasks_see_it():
    async def ask() -> str:
        return await asyncio.create_task(inner())

    async def inner() -> str:
        return current().id

    with activate(job), asyncio.Runner() as runner:
        assert runner.run(ask()) == "j1"


def test_another_thread_does_not():
    seen: list[bool] = []

    def look() -> None:
        try:
            current()
        except JobctlError:
            seen.append(False)

    with activate(job):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [False]


@pytest.mark.parametrize(("after", "ms"), [(30, 30_000), (0.5, 500), ("30s", 30_000), ("1h30m", 5_400_000)])
def test_a_job_says_for_how_long_it_is_to_be_left_alone(after: float | str, ms: int):
    error = jobctl.RateLimited(after)
    assert error.after_ms == ms
    assert isinstance(error, JobctlError)


@pytest.mark.parametrize("after", [-1, "soon", float("nan")])
def test_a_rate_limit_without_a_time_is_refused(after: float | str):
    with pytest.raises(ValueError, match="expected a"):
        jobctl.RateLimited(after)
