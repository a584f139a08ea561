"""What jobs on the event loop do to each other, and to the end of their process: nothing is lost by it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from jobctl.engine.process import loop_jobs, loop_runner, loop_watch
from jobctl.engine.process.config import LEFT_JOBS, RECYCLE
from jobctl.handlers.base import CancelToken
from jobctl.store.nouns.settle import Reserved
from tests.compat.inner import Inner, ended
from tests.integration.test_loop import dead, results, send
from tests.support import eventually

JOBS = """\
jobs:
  ends_all: {python: "losses:ends_all", retries: {max: 0}}
  ends_itself: {python: "losses:ends_itself", retries: {max: 0}}
  quick: {python: "losses:quick", retries: {max: 0}}
  jerky: {python: "losses:jerky", timeout: 100ms, retries: {max: 0}}
  leaves_a_callback: {python: "losses:leaves_a_callback", retries: {max: 0}}
"""
SOURCE = """\
import asyncio
import threading
import time

from dramatiq.middleware import Middleware

FREE = threading.Event()


class Foreign(Middleware):
    def after_process_message(self, broker, message, *, result=None, exception=None):
        pass


async def ends_all():
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def ends_itself():
    asyncio.current_task().cancel()
    return "done"


async def quick():
    return "quick"


async def jerky():
    while not FREE.is_set():
        time.sleep(0.01)
        await asyncio.sleep(0)


async def leaves_a_callback():
    asyncio.get_running_loop().call_soon(FREE.wait, 60)
"""


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    made = Inner(tmp_path, redis_url)
    made.module("losses", SOURCE)
    yield made
    free()
    made.stop()


def free() -> None:
    if (module := sys.modules.get("losses")) is not None:
        module.FREE.set()


def test_a_job_that_cancels_all_tasks_costs_those_nothing_that_had_not_begun(inner: Inner) -> None:
    worker = inner.worker(JOBS)
    first = send(worker, "ends_all")
    others = [send(worker, "quick") for _ in range(5)]
    inner.run(worker)
    assert results(worker, others) == ["quick"] * 5
    assert ended(worker, first).state == "completed"
    assert {worker.store.jobs.find(message.message_id).record.count for message in others} == {1}


def test_a_task_that_is_cancelled_at_its_end_has_ended_as_it_did(inner: Inner) -> None:
    worker = inner.start('worker: {middleware: ["losses:Foreign"]}\n' + JOBS)
    assert results(worker, [send(worker, "ends_itself")]) == ["done"]


def test_a_job_that_blocks_the_loop_again_and_again_does_not_put_off_its_own_end(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_jobs, "BLOCKED_S", 0.001)
    monkeypatch.setattr(loop_runner, "CREDIT_S", 0.1)
    worker = inner.start(JOBS)
    assert dead(worker, send(worker, "jerky")).record.error == "Timeout"


def test_a_process_whose_loop_is_blocked_by_what_no_job_waits_for_is_replaced(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the loop is not in the main thread, so nothing can interrupt it."""
    monkeypatch.setattr(loop_watch, "AGAIN_S", 0.1)
    ended_with: list[int] = []
    monkeypatch.setattr(os, "_exit", ended_with.append)
    worker = inner.worker("worker: {max_block: 1s}\n" + JOBS)
    send(worker, "leaves_a_callback")
    inner.run(worker)
    eventually(lambda: ended_with == [RECYCLE])


def test_a_process_that_ends_between_the_end_of_a_job_and_the_word_of_it_says_that_it_left_jobs(inner: Inner) -> None:
    worker = inner.start(JOBS)
    job = Reserved(id="j", queue="default", token="1-1", body=b"", record=b"", crashes=0)
    worker.desk.begin(job, CancelToken())
    worker.desk.end(job, 0.1)
    assert inner.drained(worker) == LEFT_JOBS


def test_an_interrupt_that_comes_when_the_blocker_has_just_ended_hits_no_neighbour() -> None:
    loop = asyncio.new_event_loop()
    watch = loop_watch.LoopWatch(loop, 1.0, SimpleNamespace())  # type: ignore[arg-type]
    watch._asked = 1

    async def blocker() -> str:
        watch._ring(loop_watch.Place(None, "here"))
        return await loop.create_task(neighbour())  # the signal is late

    async def neighbour() -> str:
        watch._rung(signal.SIGUSR2, sys._getframe())
        return "done"

    assert loop.run_until_complete(blocker()) == "done"
    loop.close()
