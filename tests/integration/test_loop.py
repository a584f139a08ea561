"""The event loop of a worker process: async jobs as tasks beside the threads."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from jobctl.engine.process import loop_runner
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.tools.stop import StopFlag
from jobctl.errors import UsageError
from jobctl.store.nouns.jobs import Found
from tests.compat.inner import Inner, ended
from tests.support import eventually

JOBS = """\
jobs:
  meet: {python: "looped:meet", retries: {max: 0}}
  who: {python: "looped:who"}
  spawn: {python: "looped:spawn"}
  hold: {python: "looped:hold"}
  plain: {python: "looped:plain"}
  block: {python: "looped:block"}
  late: {python: "looped:late", timeout: 100ms, retries: {max: 0}}
  deaf: {python: "looped:deaf", timeout: 100ms, retries: {max: 0}}
  swallow: {python: "looped:swallow", retries: {max: 0}}
  harm: {python: "looped:harm", retries: {max: 0}}
"""
SOURCE = """\
import asyncio
import threading
from contextvars import ContextVar

import jobctl
from dramatiq.middleware import CurrentMessage

NOTE = ContextVar("NOTE", default="")
FREE = threading.Event()
SEEN = []
gate = asyncio.Barrier(40)


async def meet():
    await gate.wait()
    return threading.active_count()


async def who(n):
    before = NOTE.get()
    NOTE.set(str(n))
    await asyncio.sleep(0.01)
    return [before, NOTE.get(), jobctl.current().id, CurrentMessage.get_current_message().message_id]


async def spawn(n):
    return await jobctl.current().aenqueue("who", {"n": n})


async def hold():
    SEEN.append("hold")
    while not FREE.is_set():
        await asyncio.sleep(0.01)


def plain():
    return threading.current_thread().name


def block():
    SEEN.append("block")
    FREE.wait(60)


async def late():
    await asyncio.sleep(60)  # here


async def deaf():
    while not FREE.is_set():
        try:
            await asyncio.sleep(60)  # there
        except asyncio.CancelledError:
            SEEN.append("cancelled")


async def swallow():
    SEEN.append("swallow")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "done all the same"


async def ends_all():
    raise SystemExit(3)


async def harm(how):
    loop = asyncio.get_running_loop()
    match how:
        case "stop":
            loop.stop()
        case "close":
            loop.close()
        case "exit":
            raise SystemExit(3)
        case "leave":
            SEEN.append(asyncio.create_task(ends_all()))
"""
HOOKS = """\
import threading
from contextvars import ContextVar

from dramatiq.middleware import Middleware

TRACE = ContextVar("TRACE", default="")
seen = []


class Trace(Middleware):
    def before_process_message(self, broker, message):
        seen.append(("before", threading.current_thread().name))
        TRACE.set(f"trace of {message.message_id}")

    def after_process_message(self, broker, message, *, result=None, exception=None):
        seen.append((f"after {result}", TRACE.get() == f"trace of {message.message_id}"))


async def traced():
    return TRACE.get()
"""


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    inner = Inner(tmp_path, redis_url)
    inner.module("looped", SOURCE)
    yield inner
    looped().FREE.set()
    inner.stop()


def looped() -> Any:
    import looped  # type: ignore[import-not-found]

    return looped


def results(worker: Any, messages: list[Any]) -> list[Any]:
    found = [ended(worker, message) for message in messages]
    return [json.loads(one.result) for one in worker.store.jobs.results("default", found)]


def send(worker: Any, name: str, **kwargs: Any) -> Any:
    return worker.broker.actors[name].send(**kwargs)


def dead(worker: Any, message: Any) -> Found:
    found = ended(worker, message)
    assert found.state == "dead"
    return worker.store.jobs.detailed(found)  # type: ignore[no-any-return]


def test_many_wait_at_once_on_one_loop_and_hold_no_thread(inner: Inner) -> None:
    before = threading.active_count()
    worker = inner.start(JOBS)
    counts = results(worker, [send(worker, "meet") for _ in range(40)])
    assert all(count - before < 20 for count in counts), "a job of those that meet has a thread of its own"


def test_each_task_has_a_context_of_its_own(inner: Inner) -> None:
    worker = inner.start(JOBS)
    messages = [send(worker, "who", n=n) for n in range(10)]
    assert results(worker, messages) == [["", str(n), m.message_id, m.message_id] for n, m in enumerate(messages)]


def test_an_async_job_enqueues_a_child_without_blocking_the_loop(inner: Inner) -> None:
    worker = inner.start(JOBS)
    (child,) = results(worker, [send(worker, "spawn", n=7)])
    assert eventually(lambda: (found := worker.store.jobs.find(child)) is not None and found.state == "completed")


def test_plain_jobs_behind_many_for_a_full_loop_get_their_threads(inner: Inner) -> None:
    worker = inner.worker(JOBS, async_jobs=2)
    for _ in range(300):
        send(worker, "hold")
    message = send(worker, "plain")
    inner.run(worker)
    assert results(worker, [message]) == ["job-0"]
    assert looped().SEEN == ["hold"] * 2
    looped().FREE.set()
    eventually(lambda: worker.desk.done == 301)


def test_async_jobs_behind_many_for_full_threads_get_to_the_loop(inner: Inner) -> None:
    worker = inner.worker(JOBS)
    for _ in range(100):
        send(worker, "block")
    message = send(worker, "who", n=1)
    inner.run(worker)
    assert ended(worker, message).state == "completed"
    assert looped().SEEN == ["block"]


def test_the_time_limit_cancels_the_task_and_the_record_says_where_it_stood(inner: Inner) -> None:
    worker = inner.start(JOBS)
    found = dead(worker, send(worker, "late"))
    assert found.record.error == "Timeout"
    assert "# here" in (found.attempts[-1].traceback or "")


def test_one_that_ignores_its_time_limit_is_cancelled_again_then_given_up_with_its_stack(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_runner, "KILL_GRACE_S", 0.1)
    monkeypatch.setattr(loop_runner, "GRACE_S", 0.3)
    slots = SlotTable(SlotTable.create_file(101), 101)
    slots.set_beaten(float("inf"))
    worker = inner.start(JOBS, slots=slots)
    found = dead(worker, send(worker, "deaf"))
    assert found.record.error == "Timeout"
    assert "# there" in (found.attempts[-1].traceback or "")
    assert len(looped().SEEN) > 1
    eventually(lambda: slots.ready and slots.threads_alive == 0)  # so it is replaced
    assert not slots.executing()


def test_a_cancelled_job_that_swallows_it_is_cancelled_all_the_same(inner: Inner) -> None:
    worker = inner.start(JOBS)
    message = send(worker, "swallow")
    eventually(lambda: looped().SEEN == ["swallow"])
    worker.store.jobs.cancel("default", [(message.message_id, b"", "")], running=True)
    assert ended(worker, message).state == "cancelled"


def test_what_still_runs_after_the_grace_is_given_back(inner: Inner) -> None:
    worker = inner.start(JOBS, grace_s=1.1)
    message = send(worker, "hold")
    eventually(lambda: looped().SEEN == ["hold"])
    assert inner.drained(worker) == 0
    found = worker.store.jobs.find(message.message_id)
    assert (found.state, found.record.count) == ("waiting", 0)


def test_the_supervisor_can_read_what_runs(inner: Inner) -> None:
    slots = SlotTable(SlotTable.create_file(101), 101)
    slots.set_beaten(float("inf"))
    worker = inner.start(JOBS, slots=slots)
    messages = [send(worker, "hold") for _ in range(30)]
    eventually(lambda: {job.id for job in slots.executing()} == {message.message_id for message in messages})
    looped().FREE.set()
    eventually(lambda: not slots.running)


@pytest.mark.parametrize(
    ("how", "error"), [("stop", None), ("close", "RuntimeError"), ("exit", "SystemExit"), ("leave", None)]
)
def test_the_loop_survives_what_a_job_does_to_it(inner: Inner, how: str, error: str | None) -> None:
    worker = inner.start(JOBS)
    assert ended(worker, send(worker, "harm", how=how)).record.error == error
    assert ended(worker, send(worker, "who", n=1)).state == "completed"
    for task in looped().SEEN:
        assert isinstance(task.exception(), SystemExit)  # else it is logged when it is collected, in another test


def test_middleware_of_an_application_is_called_beside_the_loop_in_the_tasks_own_context(inner: Inner) -> None:
    inner.module("hooked", HOOKS)
    jobs = 'worker: {middleware: ["hooked:Trace"]}\njobs:\n  traced: {python: "hooked:traced"}\n'
    worker = inner.start(jobs)
    message = send(worker, "traced")
    trace = f"trace of {message.message_id}"
    assert results(worker, [message]) == [trace]
    import hooked  # type: ignore[import-not-found]

    (first, thread), after = hooked.seen
    assert first == "before"
    assert thread.startswith("middleware")
    assert after == (f"after {trace}", True)


LIFESPAN = """\
import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import jobctl

told = []


@asynccontextmanager
async def shared():
    told.append("entered")
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)
    told.append("left")


@contextmanager
def plain():
    told.append("entered")
    yield "made"
    told.append("left")


@asynccontextmanager
async def broken():
    raise OSError("no database")
    yield


def number():
    return 7


async def same():
    return jobctl.current().resources is asyncio.get_running_loop()


def resources():
    return str(jobctl.current().resources)


async def isolated():
    return jobctl.current().resources is asyncio.get_running_loop()
"""
ENTERS = """\
worker: {lifespan: "lived:%s"}
jobs:
  same: {python: "lived:same"}
  resources: {python: "lived:resources"}
  isolated: {python: "lived:isolated", isolate: true}
"""


def test_a_lifespan_is_entered_before_the_first_job_and_left_after_the_last(inner: Inner) -> None:
    inner.module("lived", LIFESPAN)
    worker = inner.start(ENTERS % "shared")
    messages = [send(worker, name) for name in ("same", "same", "resources", "isolated")]
    first, second, plain, isolated = results(worker, messages)
    import lived  # type: ignore[import-not-found]

    assert (first, second, isolated) == (True, True, True)
    assert "loop" in plain.lower()
    assert lived.told == ["entered"]
    assert inner.drained(worker) == 0
    assert lived.told == ["entered", "left"]


def test_a_plain_lifespan_needs_no_loop(inner: Inner) -> None:
    inner.module("lived", LIFESPAN)
    worker = inner.start('worker: {lifespan: "lived:plain"}\njobs: {resources: {python: "lived:resources"}}\n')
    assert results(worker, [send(worker, "resources")]) == ["made"]
    assert worker.looping is None
    assert inner.drained(worker) == 0
    import lived

    assert lived.told == ["entered", "left"]


def test_a_process_whose_lifespan_fails_says_so_and_takes_no_job(inner: Inner) -> None:
    inner.module("lived", LIFESPAN)
    worker = inner.worker(ENTERS % "broken")
    message = send(worker, "same")
    with pytest.raises(UsageError, match=r"worker\.lifespan: lived:broken failed: OSError: no database"):
        worker.run(StopFlag())
    assert worker.store.jobs.find(message.message_id).state == "waiting"


@pytest.mark.parametrize(
    ("name", "words"), [("nothing", "does not import"), ("number", "gives `int`, which is no context manager")]
)
def test_a_lifespan_that_is_none_is_refused(inner: Inner, name: str, words: str) -> None:
    inner.module("lived", LIFESPAN)
    with pytest.raises(UsageError, match=words):
        inner.worker(ENTERS % name)


BLOCKERS = """\
import asyncio
import time

told = []


async def blocker():
    told.append("blocks")
    time.sleep(60)  # blocks here


async def blocker_in_a_child():
    await asyncio.gather(asyncio.create_task(blocker()))


async def neighbour():
    while not told:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    return "done"


async def quick():
    return "quick"
"""
FREE = "import threading\n\nFREE = threading.Event()\ntold ="
BLOCKED = """\
worker: {max_block: 1500ms}
jobs:
  blocker: {python: "blocking:blocker", retries: {max: 0}}
  child: {python: "blocking:blocker_in_a_child", retries: {max: 0}}
  neighbour: {python: "blocking:neighbour", timeout: 1s, retries: {max: 0}}
  quick: {python: "blocking:quick"}
"""


def in_the_main_thread(worker: Any, scene: Callable[[], None]) -> int:
    """Run a worker here, where a signal can interrupt it, for as long as a scene takes in another thread."""
    stop, failed = StopFlag(), []

    def play() -> None:
        try:
            scene()
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            failed.append(error)
        finally:
            stop.set()

    player = threading.Thread(target=play)
    player.start()
    code = worker.run(stop)
    player.join()
    if failed:
        raise failed[0]
    return code  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["blocker", "child"])
def test_a_job_that_blocks_the_loop_is_told_then_interrupted_and_its_neighbours_lose_nothing(
    inner: Inner, name: str
) -> None:
    inner.module("blocking", BLOCKERS)
    slots = SlotTable(SlotTable.create_file(101), 101)
    slots.set_beaten(float("inf"))
    worker = inner.worker(BLOCKED, slots=slots)
    neighbours = [send(worker, "neighbour") for _ in range(5)]
    blocker = send(worker, name)

    def scene() -> None:
        eventually(lambda: slots.blocked is not None)
        _, job, where = slots.blocked  # type: ignore[misc]
        assert "blocking.py" in where
        assert job.id == (blocker.message_id if name == "blocker" else "-")
        late = send(worker, "quick")
        found = dead(worker, blocker)
        assert found.record.error == "LoopBlocked"
        assert "# blocks here" in (found.attempts[-1].traceback or "")
        assert results(worker, [*neighbours, late]) == ["done"] * 5 + ["quick"]
        assert all(worker.store.jobs.find(m.message_id).record.count == 1 for m in neighbours)
        eventually(lambda: slots.blocked is None)
        assert slots.lag_s >= 1, "how long it did not answer"
        events = [event.event for event in worker.store.events.recent()[0] if event.id == blocker.message_id]
        assert events == (["blocked", "dead"] if name == "blocker" else ["dead"])

    assert in_the_main_thread(worker, scene) == 0


def test_the_neighbours_of_one_that_cannot_be_interrupted_are_given_back(inner: Inner) -> None:
    """Here the loop is not in the main thread, so nothing can interrupt it."""
    inner.module("blocking", BLOCKERS.replace("time.sleep(60)", "FREE.wait(60)").replace("told =", FREE))
    slots = SlotTable(SlotTable.create_file(101), 101)
    slots.set_beaten(float("inf"))
    worker = inner.worker(BLOCKED, slots=slots)
    neighbours = [send(worker, "neighbour") for _ in range(5)]
    blocker = send(worker, "blocker")
    ended_with: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", ended_with.append)
        inner.run(worker)
        waiting = [message.message_id for message in neighbours]
        eventually(lambda: [job.id for job in slots.executing()] == [blocker.message_id])
        eventually(lambda: all(worker.store.jobs.find(job_id).state == "waiting" for job_id in waiting))
        eventually(lambda: slots.threads_alive == 0)  # so it is replaced
        import blocking  # type: ignore[import-not-found]

        blocking.FREE.set()
        inner.drained(worker)
    assert all(worker.store.jobs.find(job_id).crashes == 0 for job_id in waiting)
