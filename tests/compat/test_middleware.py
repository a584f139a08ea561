"""`worker.middleware`: an application's own Dramatiq middleware under `jobctl worker`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.middleware import Callbacks, CurrentMessage, Pipelines

from jobctl.catalog.problems import CatalogError
from tests.compat.inner import Inner, ended
from tests.support import eventually

JOBS = """
defaults: {retries: {max: 0}}
jobs:
  act: {python: "app:act"}
"""
MIDDLEWARE = """
from dramatiq import Middleware
from dramatiq.middleware import SkipMessage

seen = []

class Plain(Middleware):
    def __init__(self, name="plain"):
        self.name = name
    def before_process_message(self, broker, message):
        seen.append(f"before {self.name}")
    def after_process_message(self, broker, message, *, result=None, exception=None):
        seen.append(f"after {self.name} {result} {exception!r}")

made = Plain("made")

def one(**options):
    return Plain(**options)

def two():
    return [Plain("first"), Plain("second")]

class Other:
    pass

def act(fail=False):
    if fail:
        raise ValueError("told to")
    return 5
"""


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    inner = Inner(tmp_path, redis_url)
    yield inner
    inner.stop()


def with_middleware(*entries: str, jobs: str = JOBS) -> str:
    return jobs + "worker:\n  middleware:\n" + "".join(f"    - {entry}\n" for entry in entries)


def test_a_class_an_object_a_function_and_a_list_run_in_their_order(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    worker = inner.start(
        with_middleware("app:Plain", "app:made", '{use: "app:one", options: {name: called}}', "app:two")
    )
    assert ended(worker, worker.broker.actors["act"].send()).state == "completed"
    order = ["plain", "made", "called", "first", "second"]
    import app  # type: ignore[import-not-found]

    assert app.seen == [f"before {name}" for name in order] + [f"after {name} 5 None" for name in reversed(order)]
    assert [type(m) for m in worker.broker.middleware[:3]] == [CurrentMessage, Callbacks, Pipelines]


def test_what_every_worker_has_is_not_there_twice(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    worker = inner.worker(
        with_middleware("dramatiq.middleware:Callbacks", "app:Plain", "dramatiq.middleware:Pipelines")
    )
    kinds = [type(m).__name__ for m in worker.broker.middleware]
    assert kinds == ["CurrentMessage", "Callbacks", "Plain", "Pipelines"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("app:Plian", "`app:Plian` does not import: module 'app' has no attribute 'Plian'; did you mean `Plain`?"),
        ("nowhere_at_all:X", "`nowhere_at_all:X` does not import: ModuleNotFoundError"),
        ("app:seen", "expected a Dramatiq middleware from `app:seen`, found `int`"),
        ("app:Other", "expected a Dramatiq middleware from `app:Other`, found `Other`"),
        ("app:act", "expected a Dramatiq middleware from `app:act`, found `int`"),
        ("dramatiq.results:Results", "`dramatiq.results:Results` cannot be created: TypeError"),
        ('{use: "app:one", options: {nane: x}}', "`app:one` cannot be created: TypeError"),
        ('{use: "app:made", options: {name: x}}', "`app:made` is already an instance: `options` have no effect"),
        ("dramatiq.middleware:Retries", "Retries cannot decide about retries under `jobctl worker`"),
    ],
)
def test_an_entry_that_does_not_work_is_a_problem_with_its_place(inner: Inner, entry: str, problem: str) -> None:
    inner.module("app", MIDDLEWARE.replace("seen = []", "seen = 3"))
    with pytest.raises(CatalogError) as caught:
        inner.worker(with_middleware("app:Plain", entry))
    [found] = map(str, caught.value.problems)
    assert ":10:7: worker.middleware[1]: " in found
    assert problem in found


def test_after_process_message_gets_the_exception(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    worker = inner.start(with_middleware("app:Plain"))
    assert ended(worker, worker.broker.actors["act"].send(fail=True)).state == "dead"
    import app

    assert app.seen == ["before plain", "after plain None ValueError('told to')"]


RAISING = """
import app
from dramatiq import Middleware

def broken(hook):
    def raises(self, *args, **kwargs):
        app.seen.append(hook)
        raise {error}
    return type("Broken", (Middleware,), {{hook: raises}})()
"""
HARMLESS = [
    "before_process_message", "after_process_message", "before_enqueue", "after_enqueue", "before_ack", "after_ack",
    "before_nack", "after_nack", "after_process_boot", "before_worker_boot", "after_worker_boot",
    "after_worker_thread_boot", "before_declare_actor", "after_declare_actor",
]  # fmt: skip


@pytest.mark.parametrize("hook", HARMLESS)
def test_a_hook_that_raises_changes_nothing(inner: Inner, hook: str) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("raising", RAISING.format(error="RuntimeError('broken')"))
    worker = inner.start(with_middleware(f'{{use: "raising:broken", options: {{hook: {hook}}}}}'))
    good, bad = worker.broker.actors["act"].send(), worker.broker.actors["act"].send(fail=True)
    assert ended(worker, good).state == "completed"
    assert ended(worker, bad).record.error == "ValueError"
    import app

    assert hook in app.seen


@pytest.mark.parametrize("hook", ["before_process_message", "after_process_message", "after_ack", "before_nack"])
def test_one_that_ends_its_thread_loses_no_job(inner: Inner, hook: str) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("raising", RAISING.format(error="SystemExit(1)"))
    worker = inner.start(with_middleware(f'{{use: "raising:broken", options: {{hook: {hook}}}}}'))
    messages = [worker.broker.actors["act"].send(fail=fail) for fail in (False, True, False)]
    states = [ended(worker, message).state for message in messages]
    fails = hook.endswith("process_message")  # to Dramatiq, too, the attempt has failed then
    assert states == ["dead" if fails else "completed", "dead", "dead" if fails else "completed"]
    assert worker.threads[0].is_alive()


@pytest.mark.parametrize("hook", ["before_worker_shutdown", "before_worker_thread_shutdown", "after_worker_shutdown"])
def test_no_hook_keeps_a_worker_from_giving_its_jobs_back(inner: Inner, hook: str) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("raising", RAISING.format(error="app.SkipMessage()"))
    worker = inner.start(with_middleware(f'{{use: "raising:broken", options: {{hook: {hook}}}}}'))
    assert ended(worker, worker.broker.actors["act"].send()).state == "completed"
    assert inner.drained(worker) == 0
    import app

    eventually(lambda: hook in app.seen)


REJECTING = """
import app
from dramatiq import Middleware
from dramatiq.middleware import SkipMessage

class Before(Middleware):
    def before_process_message(self, broker, message):
        message.fail()
        raise SkipMessage("too old")

class Quiet(Middleware):
    def before_process_message(self, broker, message):
        message.fail()

class After(Middleware):
    def after_process_message(self, broker, message, *, result=None, exception=None):
        if exception is not None:
            message.fail()
"""


@pytest.mark.parametrize(
    ("rejects", "runs", "error"),
    [
        ("Before", 0, ("SkipMessage", "too old")),
        ("Quiet", 0, ("RuntimeError", "a middleware failed the message")),
        ("After", 1, ("ValueError", "told to")),
    ],
)
def test_what_a_middleware_fails_is_dead_and_not_retried(
    inner: Inner, rejects: str, runs: int, error: tuple[str, str]
) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("rejecting", REJECTING)
    jobs = JOBS.replace("max: 0", "max: 5, delays: [1ms]")
    worker = inner.start(with_middleware("app:Plain", f"rejecting:{rejects}", jobs=jobs))
    job = ended(worker, worker.broker.actors["act"].send(fail=True))
    assert (job.state, job.record.count) == ("dead", 1)
    assert (job.record.error, job.record.message) == error
    import app

    assert len([line for line in app.seen if "told to" in line]) == runs


def test_an_age_limit_is_dramatiqs_own(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    worker = inner.start(with_middleware("dramatiq.middleware:AgeLimit"))
    act = worker.broker.actors["act"]
    old = act.message_with_options(max_age=1000)
    old = old.copy(message_timestamp=old.message_timestamp - 5000)
    worker.broker.enqueue(old)
    job = ended(worker, old)
    assert (job.state, job.record.error, job.record.message) == ("dead", "SkipMessage", "Message age limit exceeded")


WATCHING = """
from dramatiq import Middleware

seen = []

class Watch(Middleware):
    def after_nack(self, broker, message):
        seen.append(f"nack {message.actor_name} {message._exception}")
    def before_enqueue(self, broker, message, delay):
        message.options["hop"] = message.options.get("hop", 0) + 1
    def before_process_message(self, broker, message):
        seen.append(f"hop {message.options['hop']} retries {message.options.get('retries')}")
"""


def test_a_job_that_is_dead_without_an_attempt_is_a_nack_too(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("watching", WATCHING)
    jobs = "unknown_after: 1ms\n" + JOBS.replace('"app:act"', '"app:act", expires: 5s')
    worker = inner.worker(with_middleware("watching:Watch", jobs=jobs))
    expired = worker.broker.actors["act"].message()
    worker.broker.enqueue(expired.copy(message_timestamp=expired.message_timestamp - 60_000))
    nobody = worker.broker.enqueue(dramatiq.Message("default", "nobody", (), {}, {}))
    inner.run(worker)
    assert ended(worker, expired).record.error == "Expired"
    assert ended(worker, nobody).record.error == "UnknownJobType"
    import watching  # type: ignore[import-not-found]

    assert sorted(line.partition(":")[0] for line in watching.seen) == [
        "nack act Expired",
        "nack nobody UnknownJobType",
    ]


def test_a_retry_keeps_the_options_that_a_hook_gave_it(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    inner.module("watching", WATCHING)
    worker = inner.start(with_middleware("watching:Watch", jobs=JOBS.replace("max: 0", "max: 2, delays: [1ms]")))
    job = ended(worker, worker.broker.actors["act"].send(fail=True))
    assert (job.state, job.record.count) == ("dead", 3)
    import watching

    assert watching.seen == [
        "hop 1 retries None", "hop 2 retries 1", "hop 3 retries 2", "nack act told to",
    ]  # fmt: skip


def test_a_jobs_middleware_may_be_added_by_its_module(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE + "\nimport dramatiq\ndramatiq.get_broker().add_middleware(made)\n")
    worker = inner.start(JOBS)
    ended(worker, worker.broker.actors["act"].send())
    import app

    assert app.seen == ["before made", "after made 5 None"]


def test_a_middleware_that_is_added_late_is_called(inner: Inner) -> None:
    inner.module("app", MIDDLEWARE)
    worker = inner.start(JOBS)
    ended(worker, worker.broker.actors["act"].send())
    import app

    worker.broker.add_middleware(app.made)
    ended(worker, worker.broker.actors["act"].send())
    assert app.seen == ["before made", "after made 5 None"]


def states(worker: Any, messages: list[Any]) -> set[str]:
    return {ended(worker, message).state for message in messages}
