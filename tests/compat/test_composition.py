"""Results, pipelines, groups and callbacks of Dramatiq under `jobctl worker`, and what becomes of a step that cannot
follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import group, pipeline
from dramatiq.middleware.threading import Interrupt, raise_thread_exception
from dramatiq.results import ResultFailure
from dramatiq.worker import Worker as StockWorker

from jobctl.broker import JobctlBroker
from jobctl.engine.process.process import Worker
from tests.compat.inner import Inner, ended
from tests.support import PATIENCE_S, eventually

APP = """
import dramatiq
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as Barriers
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

URL = {url!r}
seen = []

def middleware():
    return [Results(backend=RedisBackend(url=URL)), GroupCallbacks(Barriers(url=URL))]

@dramatiq.actor(store_results=True)
def add(x, y):
    return x + y

@dramatiq.actor(store_results=True)
def fail(*args):
    raise ValueError("no sum")

@dramatiq.actor
def note(*args):
    seen.append(args)

@dramatiq.actor(on_success="note", on_failure="note")
def called_back(x):
    return 1 / x

@dramatiq.actor
def opaque():
    return object()
"""
CATALOG = """
defaults: {retries: {max: 0}}
jobs:
  add: {actor: "app:add"}
  fail: {actor: "app:fail"}
  note: {actor: "app:note"}
  called_back: {actor: "app:called_back"}
  opaque: {actor: "app:opaque"}
worker:
  middleware: ["app:middleware"]
"""


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    inner = Inner(tmp_path, redis_url)
    yield inner
    inner.stop()


@pytest.fixture
def worker(inner: Inner) -> Worker:
    inner.module("app", APP.format(url=inner.url))
    return inner.start(CATALOG, threads=2)


def actor(worker: Worker, name: str) -> Any:
    return worker.broker.actors[name]


def test_a_result_is_stored_and_waited_for(worker: Worker) -> None:
    assert actor(worker, "add").send(1, 2).get_result(block=True) == 3


def test_the_failure_of_a_dead_job_is_its_result(worker: Worker) -> None:
    with pytest.raises(ResultFailure, match="no sum"):
        actor(worker, "fail").send().get_result(block=True)


def test_a_pipeline_passes_results_on(worker: Worker) -> None:
    add = actor(worker, "add")
    steps = pipeline([add.message(1, 2), add.message(3), add.message(4)]).run()
    assert steps.get_result(block=True) == 10
    assert list(steps.get_results()) == [3, 6, 10]


def test_a_group_calls_back_once_when_all_of_it_is_done(worker: Worker) -> None:
    import app  # type: ignore[import-not-found]

    add = actor(worker, "add")
    together = group([add.message(n, n) for n in range(20)] + [add.message(1, 1) | add.message(1)])
    together.add_completion_callback(actor(worker, "note").message("done"))
    together.run()
    assert list(together.get_results(block=True)) == [2 * n for n in range(20)] + [3]
    eventually(lambda: app.seen)
    eventually(lambda: worker.broker.do_qsize("default") == 0)
    assert app.seen == [("done",)]


@pytest.mark.parametrize(("x", "told"), [(2, 0.5), (0, {"type": "ZeroDivisionError", "message": "division by zero"})])
def test_an_actors_callbacks_are_sent(worker: Worker, x: int, told: object) -> None:
    import app

    message = actor(worker, "called_back").send(x)
    eventually(lambda: app.seen)
    [(data, about)] = app.seen
    assert (data["message_id"], about) == (message.message_id, told)


def test_a_pipeline_whose_next_step_cannot_be_enqueued_is_not_completed(worker: Worker) -> None:
    """Dramatiq logs the error and forgets the rest of the pipeline."""
    first = actor(worker, "opaque").message()
    pipeline([first, actor(worker, "note").message()]).run()
    job = ended(worker, first)
    assert (job.state, job.record.error) == ("dead", "TypeError")


def test_the_same_under_a_stock_worker(redis_client: redis.Redis) -> None:
    broker = JobctlBroker(client=redis_client)
    opaque = dramatiq.actor(lambda: object(), broker=broker, actor_name="opaque", max_retries=0)
    note = dramatiq.actor(lambda _: None, broker=broker, actor_name="note")
    first = opaque.message()
    pipeline([first, note.message()], broker=broker).run()
    worker = StockWorker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        eventually(lambda: (job := broker.store.jobs.find(first.message_id)) is not None and job.state == "dead")
    finally:
        worker.stop()
        broker.close()
    job = broker.store.jobs.find(first.message_id)
    assert job is not None
    assert job.record.error == "TypeError"


WAITING = """
import threading

began, told = threading.Event(), threading.Event()

def act(wait=False):
    began.set()
    while wait and not told.is_set():
        pass
"""


def test_an_interrupt_that_comes_too_late_loses_no_job(inner: Inner) -> None:
    """TimeLimit and dramatiq-abort raise them from threads of their own; here the next job arrives with it."""
    inner.module("waiting", WAITING)
    worker = inner.start("jobs:\n  act: {python: 'waiting:act', retries: {max: 0}}\n")
    for _ in range(5):
        eventually(worker.desk.idle)
        raise_thread_exception(worker.threads[0].ident, Interrupt)
        assert ended(worker, worker.broker.actors["act"].send()).state == "completed"
    assert worker.threads[0].is_alive()


def test_an_interrupt_of_a_middleware_is_a_failure_of_the_attempt(inner: Inner) -> None:
    inner.module("waiting", WAITING)
    worker = inner.start("jobs:\n  act: {python: 'waiting:act', retries: {max: 1, delays: [1ms]}}\n")
    import waiting  # type: ignore[import-not-found]

    message = worker.broker.actors["act"].send(wait=True)
    assert waiting.began.wait(PATIENCE_S)
    raise_thread_exception(worker.threads[0].ident, Interrupt)
    waiting.told.set()
    job = ended(worker, message)
    assert [(attempt.outcome, attempt.error) for attempt in job.attempts] == [
        ("failed", "Interrupt"),
        ("completed", None),
    ]
