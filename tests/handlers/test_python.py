"""Python callables and Dramatiq actors, sync and async."""

from __future__ import annotations

import threading

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from jobctl import context
from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.errors import UsageError
from jobctl.handlers import coroutines
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.handlers.failure import describe
from tests.support import PATIENCE_S

ASYNC = """
import asyncio

async def hang(started=None):
    if started is not None:
        started.set()
    await asyncio.sleep(60)
"""


@pytest.fixture
def function(handler, module):
    """A handler for the callable `run` of a module with this source."""
    return lambda source, name="run": handler(PythonSpec(f"{module(source)}:{name}"))


def test_the_payload_becomes_keyword_arguments_and_the_return_value_the_result(function, new_run):
    add = function("def run(a, b=1): return a + b")
    assert not add.enforces_deadline
    assert add(new_run({"a": 2, "b": 3}).attempt) == 5


def test_positional_arguments_come_first(function, new_run):
    assert function("def run(a, b): return [a, b]")(new_run({"b": 2}, args=(1,)).attempt) == [1, 2]


def test_a_target_may_be_a_method_or_a_callable_object(function, new_run):
    source = "class Job:\n def __call__(self): return 1\n @staticmethod\n def go(): return 2\nrun = Job()"
    assert function(source)(new_run().attempt) == 1
    assert function(source, "Job.go")(new_run().attempt) == 2


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module_anywhere:run", "cannot import no_such_module_anywhere: ModuleNotFoundError"),
        ("json:no_such", "json has no 'no_such'"),
        ("json:__name__", "is a str, not callable"),
        ("json", "not of the form module:name"),
    ],
)
def test_a_target_that_cannot_be_used_is_one_clear_line(handler, target, words):
    with pytest.raises(UsageError, match=words) as caught:
        handler(PythonSpec(target))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["1/0", "raise SystemExit(3)", "def ("])
def test_a_module_that_fails_to_import_is_one_clear_line(function, source):
    with pytest.raises(UsageError, match="cannot import") as caught:
        function(source)
    assert "\n" not in str(caught.value)


def test_an_exception_of_the_function_is_the_failure(function, new_run):
    broken = function("def run(): raise KeyError('x')")
    with pytest.raises(KeyError) as caught:
        broken(new_run().attempt)
    assert "in run" in (describe(caught.value).traceback or "")
    assert "python.py" not in (describe(caught.value).traceback or "")


def test_a_coroutine_runs_on_a_loop_of_its_own(function, new_run):
    echo = function("import asyncio\nasync def run(x):\n await asyncio.sleep(0)\n return x")
    assert echo.enforces_deadline
    assert [echo(new_run({"x": x}).attempt) for x in (1, 2)] == [1, 2]


def test_a_plain_function_that_returns_a_coroutine_is_awaited(function, new_run):
    assert function("async def a(): return 7\ndef run(): return a()")(new_run().attempt) == 7


def test_a_coroutine_is_cancelled_at_the_deadline_and_shows_where_it_hung(function, into_its_limit):
    started = threading.Event()
    job = function(ASYNC, "hang")
    _, caught = into_its_limit(job, lambda *_: started.is_set(), payload={"started": started}, seconds=0.05)
    assert "in hang" in (describe(caught).traceback or "")


def test_a_coroutine_is_cancelled_from_another_thread(function, new_run):
    started = threading.Event()
    run = new_run({"started": started})

    def cancel() -> None:
        started.wait(PATIENCE_S)
        run.attempt.cancel.cancel("cancelled")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(AttemptCancelled, match="cancelled"):
        function(ASYNC, "hang")(run.attempt)
    canceller.join()


def test_a_coroutine_that_swallows_a_cancel_is_cancelled_again(function, new_run, monkeypatch):
    monkeypatch.setattr(coroutines, "KILL_GRACE_S", 0.05)
    source = (
        "import asyncio\nasync def run():\n"
        " for _ in range(2):\n"
        "  try: await asyncio.sleep(60)\n"
        "  except asyncio.CancelledError: pass\n"
        " await asyncio.sleep(60)"
    )
    with pytest.raises(AttemptTimeout):
        function(source)(new_run(seconds=0.05).attempt)


def test_a_coroutine_that_cleans_up_at_its_deadline_is_not_cancelled_a_second_time(function, into_its_limit):
    source = (
        "import asyncio\nasync def run(cancel, steps):\n"
        " steps.append('began')\n"
        " try: await asyncio.sleep(60)\n"
        " finally:\n"
        "  cancel('timeout')\n"
        "  await asyncio.sleep(0.05)\n"
        "  steps.append('done')"
    )
    steps: list[str] = []

    def prepare(run) -> None:
        run.attempt.payload["cancel"] = run.attempt.cancel.cancel

    into_its_limit(function(source), lambda *_: steps, payload={"steps": steps}, seconds=0.05, prepare=prepare)
    assert steps == ["began", "done"]


def test_an_error_while_being_cancelled_is_still_a_cancel(function, new_run):
    source = "import asyncio\nasync def run():\n try: await asyncio.sleep(60)\n finally: 1/0"
    run = new_run(seconds=0.05)
    with pytest.raises(AttemptTimeout):
        function(source)(run.attempt)


def test_a_coroutine_that_cancels_itself_has_failed(function, new_run):
    source = "import asyncio\nasync def run(): raise asyncio.CancelledError"
    with pytest.raises(HandlerFailure, match="cancelled itself"):
        function(source)(new_run().attempt)


def test_a_blocked_thread_of_a_coroutine_does_not_outlive_the_deadline(function, new_run):
    release = threading.Event()
    blocked = function("import asyncio\nasync def run(wait): await asyncio.to_thread(wait, 10)")
    with pytest.raises(AttemptTimeout):
        blocked(new_run({"wait": release.wait}, seconds=0.1).attempt)
    assert not release.is_set()
    release.set()


def test_a_cancel_after_the_end_is_harmless(function, new_run):
    run = new_run()
    function("async def run(): return 1")(run.attempt)
    run.attempt.cancel.cancel("cancelled")


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_the_current_job_is_visible_inside(function, new_run, kind):
    ask = function(f"from jobctl.context import current\n{kind} run(): return current().id")
    job = context.Current("j1", "sample", "q", 1, {}, None, print, lambda: False, print, print, str)
    with context.activate(lambda: job):
        assert ask(new_run().attempt) == "j1"


@pytest.fixture
def broker():
    broker = StubBroker()
    dramatiq.set_broker(broker)
    yield broker
    broker.close()


FORKS = """
import os, sys
{kind} run(how):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if how == "return":
        return "in place of the job"
    if how == "exit":
        sys.exit(3)
    raise ValueError(how)
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("how", "status"), [("return", 0), ("exit", 3), ("raise", 1)])
def test_what_a_job_forks_ends_where_it_leaves_the_job(function, new_run, kind, how, status):
    forking = function(FORKS.format(kind=kind))
    assert forking(new_run({"how": how}).attempt) == status
    assert forking(new_run({"how": how}).attempt) == status  # the loop is sound, too


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_actor_runs_as_the_function_that_it_wraps(handler, module, new_run, kind):
    name = module(f"import dramatiq\n@dramatiq.actor(queue_name='mail')\n{kind} send(a, b): return [a, b]")
    actor = handler(ActorSpec(f"{name}:send"))
    assert actor.actor.actor_name == "send"
    assert actor.enforces_deadline is (kind == "async def")
    assert actor(new_run({"b": 2}, args=(1,)).attempt) == [1, 2]


@pytest.mark.usefixtures("broker")
def test_an_actor_may_be_wrapped_as_flask_dramatiq_does(handler, module, new_run):
    name = module("""
import dramatiq

class Lazy:
    def __init__(self, fn):
        self.fn = fn
        self.actor = dramatiq.actor(fn)
    def __getattr__(self, name):
        return getattr(self.actor, name)
    def __call__(self, *args):
        raise AssertionError

@Lazy
def send(a, b): return [a, b]
""")
    assert handler(ActorSpec(f"{name}:send"))(new_run({"b": 2}, args=(1,)).attempt) == [1, 2]


def test_a_plain_function_is_not_an_actor(handler):
    with pytest.raises(UsageError, match="not a Dramatiq actor"):
        handler(ActorSpec("json:dumps"))
