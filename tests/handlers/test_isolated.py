"""Python jobs in a process of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobctl import RateLimited, context
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import JobType
from jobctl.engine.attempt.retry_policy import names_of
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.handlers import build, cgroup, isolated, pool
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.handlers.failure import RemoteFailure, describe
from jobctl.prctl import may_lift_limits
from jobctl.redaction import scrubber
from tests.support import PATIENCE_S, eventually

HANG = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
from jobctl import current

def pid(): return os.getpid()
def tell(): current().log(str(os.getpid()))
def hold_gil():
    tell()
    ctypes.PyDLL(None).sleep(90)
def sleep():
    tell()
    time.sleep(90)
def spin():
    tell()
    while True: pass
def deaf():
    try: sleep()
    except BaseException: pass
    deaf()
def sour():
    try: sleep()
    finally: raise ValueError("not like this")
def finish():
    try: sleep()
    except BaseException: return "done all the same"
def family():
    child = subprocess.Popen(["sleep", "300"])
    current().log(str(child.pid))
    child.wait()
def stray():
    return subprocess.Popen(["sleep", "300"]).pid
async def hang():
    import asyncio
    tell()
    await asyncio.sleep(90)
"""


@pytest.fixture
def function(module, monkeypatch) -> Iterator[Callable[..., Any]]:
    """An isolated handler for the callable `run` of a module with this source; its processes end with the test."""
    made = []

    def make(source: str, name: str = "run", *, memory: int | None = None) -> Any:
        spec = PythonSpec(f"{module(source)}:{name}")
        job_type = JobType("sample", spec, isolate=True, memory_bytes=memory)
        made.append(build(job_type, env={"PATH": os.environ["PATH"]}, folder=Path()))
        return made[-1]

    yield make
    for handler in made:
        handler.close()


@pytest.fixture
def cancel_when_it_runs(new_run) -> Callable[..., Any]:
    """An attempt that is cancelled as soon as the job says that it runs."""

    def make(reason: str = "cancelled", **options: Any) -> Any:
        def cancel(run: Any, _line: str) -> None:
            threading.Thread(target=run.attempt.cancel.cancel, args=(reason,)).start()

        return new_run(on_line=cancel, **options)

    return make


def failure_of(handler: Any, run: Any) -> RemoteFailure:
    with pytest.raises(RemoteFailure) as caught:
        handler(run.attempt)
    return caught.value


def test_payload_and_arguments_go_in_and_the_result_comes_out(function, new_run):
    add = function("def run(a, b=1): return {'sum': a + b}")
    assert add.enforces_deadline
    assert add(new_run({"b": 3}, args=(2,)).attempt) == {"sum": 5}


def test_a_coroutine_runs_isolated_too(function, new_run):
    assert (
        function("import asyncio\nasync def run(x):\n await asyncio.sleep(0)\n return x")(new_run({"x": 7}).attempt)
        == 7
    )


def test_it_runs_in_another_process_which_is_used_again(function, new_run):
    job = function("import os\ndef run(): return os.getpid()")
    first, second = (job(new_run().attempt) for _ in range(2))
    assert first == second != os.getpid()


def test_attempts_at_the_same_time_have_a_process_each(function, new_run, tmp_path):
    job = function(
        "import os, time\ndef run(a, b):\n open(a, 'w')\n while not os.path.exists(b): time.sleep(0.01)\n"
        " return os.getpid()"
    )
    pids: list[int] = []
    paths = [str(tmp_path / name) for name in "ab"]
    runs = [new_run({"a": paths[n], "b": paths[1 - n]}) for n in range(2)]
    threads = [threading.Thread(target=lambda run=run: pids.append(job(run.attempt))) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(set(pids)) == 2


def test_a_process_is_replaced_after_its_last_job(function, new_run, monkeypatch):
    monkeypatch.setattr(pool, "MAX_JOBS", 2)
    job = function("import os\ndef run(): return os.getpid()")
    first, second, third = (job(new_run().attempt) for _ in range(3))
    assert first == second != third


def test_processes_that_are_idle_for_long_end_but_for_one(function, new_run, monkeypatch, gone):
    monkeypatch.setattr(pool, "IDLE_S", 0.05)
    job = function(HANG, "pid")
    threads = [threading.Thread(target=job.get_ready) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    eventually(lambda: len(job._pool._idle) == 1)
    assert not gone(job(new_run().attempt), 0.1)


def test_a_failure_is_recorded_as_without_isolation(function, handler, new_run, module):
    source = (
        "class Odd(ConnectionError): pass\n"
        "def help(): raise Odd('no')\n"
        "def run():\n"
        " try: 1/0\n"
        " except ZeroDivisionError as error: help()"
    )
    with pytest.raises(ConnectionError) as plain:
        handler(PythonSpec(f"{module(source)}:run"))(new_run().attempt)
    remote = failure_of(function(source), new_run())
    assert describe(remote) == describe(plain.value)
    assert names_of(remote) == names_of(plain.value)
    assert "ConnectionError" in names_of(remote)


def test_a_failure_of_jobctls_own_keeps_what_decides_about_its_retry(function, new_run):
    with pytest.raises(HandlerFailure, match="cancelled itself") as caught:
        function("import asyncio\nasync def run(): raise asyncio.CancelledError")(new_run().attempt)
    assert caught.value.error == "CancelledError"
    source = (
        "from jobctl.handlers.base import HandlerFailure\n"
        "def run(): raise HandlerFailure('E', 'm', match=('a',), retryable=False, retry_after_ms=5)"
    )
    with pytest.raises(HandlerFailure) as caught:
        function(source)(new_run().attempt)
    assert (caught.value.error, caught.value.match, caught.value.retryable, caught.value.retry_after_ms) == (
        "E",
        ("a",),
        False,
        5,
    )


def test_a_job_that_was_told_to_come_back_later_says_when(function, new_run):
    with pytest.raises(RateLimited) as caught:
        function("import jobctl\ndef run(): raise jobctl.RateLimited('30s')")(new_run().attempt)
    assert caught.value.after_ms == 30_000


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("def run(): return object()", {"$unencodable": "object"}),
        ("def run(): return 'x' * 70000", {"$too_large": 70002, "limit": 65536}),
    ],
)
def test_a_result_that_cannot_be_kept_is_a_note(function, new_run, source, note):
    assert function(source)(new_run().attempt) == note


def test_a_target_that_does_not_import_is_one_clear_line(function, new_run):
    job = function("import nothing_of_that_name\ndef run(): pass")
    for ask in (lambda: job.get_ready(), lambda: job(new_run().attempt)):
        with pytest.raises(UsageError, match=r"cannot import .*No module named"):
            ask()


def test_a_module_that_ends_the_process_when_imported_says_so(function, new_run):
    job = function("import os; os._exit(3)")
    with pytest.raises(UsageError, match=r"job sample: importing .* failed: .* exit 3"):
        job.get_ready()
    with pytest.raises(HandlerFailure, match="exit 3"):
        job(new_run().attempt)


@pytest.mark.parametrize(
    ("source", "message", "match"),
    [
        ("import os\ndef run(): os._exit(3)", "the job ended its process: exit 3", "exit:3"),
        ("import os\ndef run(): os.kill(os.getpid(), 11)", "killed by SIGSEGV", "signal:SEGV"),
        ("import os\ndef run(): os.kill(os.getpid(), 9)", "killed by SIGKILL.* runs out of memory", "exit:137"),
    ],
)
def test_a_process_that_dies_fails_its_own_attempt_and_the_next_has_a_fresh_one(
    function, new_run, source, message, match
):
    job = function(source + "\ndef fine(): return 1")
    with pytest.raises(HandlerFailure, match=message) as caught:
        job(new_run().attempt)
    assert (caught.value.error, caught.value.retryable) == ("ProcessDied", True)
    assert match in caught.value.match
    with pytest.raises(HandlerFailure, match=message):
        job(new_run().attempt)


def test_a_process_that_died_while_it_was_idle_fails_nobody(function, new_run, gone):
    job = function(HANG, "pid")
    first = job(new_run().attempt)
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert job(new_run().attempt) != first


@pytest.mark.parametrize("name", ["hold_gil", "deaf"])
def test_what_cannot_be_interrupted_is_killed_at_its_time_limit(function, into_its_limit, gone, monkeypatch, name):
    monkeypatch.setattr(isolated, "KILL_AFTER_S", 0.2)
    job = function(HANG, name)
    job.get_ready()
    run, _ = into_its_limit(job, lambda run, _: run.texts("log"))
    assert gone(int(run.texts("log")[0]))


@pytest.mark.parametrize("name", ["sleep", "spin", "hang"])
def test_at_its_time_limit_a_job_gets_an_exception_and_shows_where_it_hung(function, into_its_limit, name):
    job = function(HANG, name)
    job.get_ready()
    _, caught = into_its_limit(job, lambda run, _: run.texts("log"))
    assert f"in {name}" in (describe(caught).traceback or "")


@pytest.mark.parametrize("name", ["sleep", "spin", "hang", "hold_gil", "deaf"])
@pytest.mark.parametrize("reason", ["cancelled", "shutdown"])
def test_a_cancel_ends_it_whatever_it_does(function, cancel_when_it_runs, gone, monkeypatch, name, reason):
    monkeypatch.setattr(isolated, "KILL_AFTER_S", 0.2)
    run = cancel_when_it_runs(reason)
    with pytest.raises(AttemptCancelled):
        function(HANG, name)(run.attempt)
    assert gone(int(run.texts("log")[0]))


def test_a_cancelled_job_may_fail_in_its_own_way_or_still_complete(function, cancel_when_it_runs):
    assert failure_of(function(HANG, "sour"), cancel_when_it_runs()).described.error == "ValueError"
    assert function(HANG, "finish")(cancel_when_it_runs().attempt) == "done all the same"


def test_an_attempt_that_was_cancelled_before_it_began_does_not_begin(function, new_run):
    run = new_run()
    run.attempt.cancel.cancel("cancelled")
    with pytest.raises(AttemptCancelled):
        function(HANG, "sleep")(run.attempt)


def test_what_a_stopped_job_has_started_dies_with_it(function, cancel_when_it_runs, gone):
    run = cancel_when_it_runs()
    with pytest.raises(AttemptCancelled):
        function(HANG, "family")(run.attempt)
    assert gone(int(run.texts("log")[0]))


def test_what_a_job_has_left_behind_dies_with_its_process(function, new_run, gone):
    job = function(HANG, "stray")
    left = job(new_run().attempt)
    job.close()
    assert gone(left)


LEAVER = """
import os, subprocess, sys, time, jobctl

def setsid():
    jobctl.current().log(str(subprocess.Popen(["sleep", "300"], start_new_session=True).pid))
    time.sleep(300)

def double_fork():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("left", "w") as file:
                file.write(str(os.getpid()))
            os.rename("left", "left.pid")
            time.sleep(300)
        os._exit(0)
    while not os.path.exists("left.pid"):
        time.sleep(0.01)
    jobctl.current().log(open("left.pid").read())
    time.sleep(300)
"""


@pytest.mark.parametrize("name", ["setsid", "double_fork"])
def test_what_left_its_session_dies_with_it_too(
    function, cancel_when_it_runs, current_job, gone, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = cancel_when_it_runs()
    with pytest.raises(AttemptCancelled):
        function(LEAVER, name)(run.attempt)
    assert gone(int(run.texts("log")[0]))


def test_memory_that_is_shared_counts_too(function, new_run):
    source = (
        "import mmap, time\ndef run():\n shared = mmap.mmap(-1, 200_000_000)\n"
        " for at in range(0, len(shared), 4096): shared[at] = 1\n time.sleep(300)"
    )
    with pytest.raises(HandlerFailure, match="shared mappings included; its `memory` is 64,000,000") as caught:
        function(source, memory=64_000_000)(new_run().attempt)
    assert caught.value.error == "MemoryError"


ESCAPE = """
import os, subprocess, time, jobctl
def run():
    pid = subprocess.Popen(["sleep", "300"], start_new_session=True, env={}, executable="/bin/sleep").pid
    jobctl.current().log(str(pid))
    time.sleep(300)
"""


@pytest.mark.skipif(cgroup.own_folder() is None, reason="no cgroup of v2 is writable here")
def test_nothing_leaves_a_cgroup(function, cancel_when_it_runs, current_job, gone):
    run = cancel_when_it_runs()
    with pytest.raises(AttemptCancelled):
        function(ESCAPE)(run.attempt)
    assert gone(int(run.texts("log")[0]))


@pytest.mark.skipif(cgroup.own_folder() is None, reason="no cgroup of v2 is writable here")
def test_the_cgroups_of_a_killed_worker_are_ended(gone):
    worker = subprocess.Popen(["true"])
    worker.wait()
    left = subprocess.Popen(["sleep", "300"], start_new_session=True)
    folder = cgroup.own_folder() / f"{cgroup.PREFIX}-{worker.pid}-{left.pid}"
    folder.mkdir()
    (folder / "cgroup.procs").write_text(str(left.pid))
    cgroup.end_left_over()
    assert left.wait(PATIENCE_S) == -9
    assert not folder.exists()


LIFT = """
import resource
def run():
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (400_000_000, max(hard, 400_000_000)))
    except ValueError:
        return hard
    return 0
"""


def test_a_job_cannot_lift_its_limit_unless_it_may_lift_any(function, new_run):
    assert function(LIFT, memory=64_000_000)(new_run().attempt) == (0 if may_lift_limits() else 80_000_000)


@pytest.mark.parametrize("how", ["bytearray(400_000_000)", "[bytearray(1_000_000) for _ in range(400)]"])
def test_memory_beyond_the_limit_is_a_memory_error_with_its_place(function, new_run, how):
    job = function(f"import os\ndef run(big=True):\n if big: {how}\n return os.getpid()", memory=64_000_000)
    before = job(new_run({"big": False}).attempt)
    failure = failure_of(job, new_run())
    assert "MemoryError" in names_of(failure)
    assert "in run" in (failure.described.traceback or "")
    assert job(new_run({"big": False}).attempt) != before


def test_without_a_limit_it_may_take_more(function, new_run):
    assert function("def run(): return len(bytearray(200_000_000))")(new_run().attempt) == 200_000_000


@pytest.fixture
def current_job() -> Iterator[list[Any]]:
    """The job that this thread runs, as a worker says it; what it was asked to enqueue."""
    asked: list[Any] = []

    def enqueue(job_type: str, payload: Any, **options: Any) -> str:
        if job_type == "away":
            raise RedisUnavailable("Redis is away", "start it")
        asked.append((job_type, payload, options))
        return "child-id"

    job = context.Current("job-1", "sample", "default", 1, {}, None, enqueue, lambda: False, print, print, str)
    with context.activate(lambda: job):
        yield asked


def test_the_current_job_works_inside(function, new_run, current_job):
    source = """
from datetime import datetime, timezone
from jobctl import current
def run(day):
    job = current()
    job.log("one")
    at = datetime(2026, 11, 22, tzinfo=timezone.utc)
    child = job.enqueue("other", {"n": 1}, priority="high", at=at)
    return [job.id, job.type, job.queue, job.attempt, job.payload, job.label, job.cancelled, child]
"""
    run = new_run({"day": "mon"}, label="for mon")
    told = function(source)(run.attempt)
    assert told == ["job-1", "sample", "default", 1, {"day": "mon"}, "for mon", False, "child-id"]
    assert run.texts("log") == ["one"]
    [(job_type, payload, options)] = current_job
    assert (job_type, payload, options["parent"], options["priority"]) == ("other", {"n": 1}, "job-1", "high")
    assert options["at"].isoformat() == "2026-11-22T00:00:00+00:00"


def test_progress_is_passed_on(function, new_run):
    told: list[Any] = []
    source = "from jobctl import current\ndef run():\n current().progress(1, 4, 'one')\n current().progress(2)"
    function(source)(new_run(progress=lambda *reached: told.append(reached)).attempt)
    assert told == [(1, 4, "one"), (2, None, None)]


def test_what_is_redacted_is_gone_before_anything_is_cut(function, new_run):
    secret = "s3cr3t-" * 100
    source = (
        "from jobctl import current\n"
        "def run(password):\n"
        " current().log('x' * 8000 + password)\n"
        " raise ValueError('x' * 900 + password + 'y' * 5000)"
    )
    run = new_run({"password": secret}, scrub=scrubber(("password",), {"password": secret}))
    failure = failure_of(function(source), run)
    [line], message = run.texts("log"), failure.described.message
    assert "s3cr3t" not in line + message + (failure.described.traceback or "")
    assert "[redacted]" in line
    assert "[redacted]" in message


def test_an_error_of_the_worker_is_raised_in_the_job(function, new_run, current_job):
    source = (
        "from jobctl import current, errors\n"
        "def run():\n"
        " try: current().enqueue('away')\n"
        " except errors.RedisUnavailable as error: return [error.message, error.hint]"
    )
    assert function(source)(new_run().attempt) == ["Redis is away", "start it"]


def test_a_job_sees_that_it_is_cancelled(function, cancel_when_it_runs):
    source = (
        "from jobctl import current\n"
        "def run():\n"
        " try:\n"
        "  current().log('runs')\n"
        "  while True: pass\n"
        " except BaseException: return current().cancelled"
    )
    assert function(source)(cancel_when_it_runs().attempt) is True


def test_what_it_logs_by_logging_is_logged_by_the_worker(function, new_run, caplog):
    function("import logging\ndef run(): logging.getLogger('shop').warning('low on %s', 'tea')")(new_run().attempt)
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("shop", "WARNING", "low on tea")
    ]


def test_a_fork_of_the_job_does_not_speak_for_it(function, new_run):
    source = "import os\ndef run():\n pid = os.fork()\n if pid: os.waitpid(pid, 0)\n return pid != 0"
    job = function(source)
    assert [job(new_run().attempt) for _ in range(2)] == [True, True]


def test_a_side_effect_is_the_workers_to_record(function, new_run):
    source = (
        "import jobctl\n"
        "def run():\n"
        " with jobctl.once('charge-1', keep='1h') as once:\n"
        "  if once.needed: once.value = {'paid': 5}\n"
        " return [once.needed, once.value]"
    )
    kept: dict[str, str] = {}

    def side_effect(step: str, key: str, value: str, keep_ms: int) -> tuple[str, str, str]:
        assert keep_ms == 3_600_000
        if step == "done":
            kept[key] = value
        return ("done" if key in kept and step == "begin" else "mine"), "", kept.get(key, "")

    none = lambda *_, **__: None  # noqa: E731
    job = context.Current("job-1", "sample", "default", 1, {}, None, none, lambda: False, none, none, str, side_effect)
    with context.activate(lambda: job):
        charge = function(source)
        assert [charge(new_run().attempt) for _ in range(2)] == [[True, {"paid": 5}], [False, {"paid": 5}]]


def test_a_large_payload_waits_until_the_target_is_imported(function, new_run):
    assert (
        function("import time; time.sleep(0.2)\ndef run(text): return len(text)")(
            new_run({"text": "x" * 3_000_000}).attempt
        )
        == 3_000_000
    )


def test_the_time_limit_holds_while_the_target_is_imported(function, new_run):
    with pytest.raises(AttemptTimeout):
        function("import time; time.sleep(60)\ndef run(): pass")(new_run(seconds=0.2).attempt)


def test_a_large_payload_and_many_lines_pass(function, new_run):
    source = (
        "from jobctl import current\ndef run(text):\n for n in range(5000): current().log(str(n))\n return len(text)"
    )
    run = new_run({"text": "x" * 3_000_000})
    assert function(source)(run.attempt) == 3_000_000
    assert run.texts("log") == [str(n) for n in range(5000)]
