"""Commands, with real processes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobctl.catalog.kinds.base import External
from jobctl.catalog.kinds.command import CommandSpec
from jobctl.errors import UsageError
from jobctl.handlers import process
from jobctl.handlers.base import AttemptCancelled, HandlerFailure
from jobctl.scrubbing import MARK, MIN_TEXT, Scrubber
from tests.support import PATIENCE_S

ARGUMENTS = 'import sys; print(len(sys.argv) - 1, *map(ascii, sys.argv[1:]), sep="\\n")'
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def failure(handler, run) -> HandlerFailure:
    with pytest.raises(HandlerFailure) as caught:
        handler(run.attempt)
    return caught.value


def arguments(handler, new_run, payload, *templates) -> list[str]:
    run = new_run(payload)
    handler(CommandSpec((sys.executable, "-c", ARGUMENTS, *templates)))(run.attempt)
    count, *values = run.texts("stdout")
    assert int(count) == len(values)
    return [ast.literal_eval(value) for value in values]


def test_a_template_fills_a_whole_or_a_part_of_one_argument(handler, new_run):
    payload = {"path": "a b; rm -rf /", "flag": True, "list": [1, "x"], "n": 1.5}
    given = ("--file={{ path }}", "{{ path }}", "{{ flag }}", "{{ list }}", "{{ n }}", "")
    expected = ["--file=a b; rm -rf /", "a b; rm -rf /", "true", '[1,"x"]', "1.5", ""]
    assert arguments(handler, new_run, payload, *given) == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
def test_no_value_adds_or_removes_an_argument(handler, new_run, value):
    got = arguments(handler, new_run, {"v": value}, "{{ v }}", "x{{ v }}y", "last")
    assert len(got) == 3
    assert got[1] == f"x{got[0]}y"
    assert got[2] == "last"
    if isinstance(value, str):
        assert got[0] == value


@pytest.mark.parametrize("value", [None, "a\0b", "\ud800"])
def test_what_no_argument_can_carry_is_refused_without_a_retry(handler, new_run, value):
    problem = failure(handler(CommandSpec(("echo", "{{ v }}"))), new_run({"v": value}))
    assert (problem.error, problem.retryable) == ("TemplateProblem", False)


def test_the_program_cannot_be_a_template(handler):
    with pytest.raises(UsageError, match="cannot be a template"):
        handler(CommandSpec(("{{ program }}",)))


def test_a_template_that_does_not_parse_is_a_usage_error(handler):
    with pytest.raises(UsageError, match="sample"):
        handler(CommandSpec(("echo", "{{ a")))


def test_exit_status_0_succeeds_with_no_result(handler, new_run):
    command = handler(CommandSpec(("true",)))
    assert command.enforces_deadline
    assert command(new_run().attempt) is None


def test_another_exit_status_fails_with_the_last_line_of_stderr(handler, new_run):
    script = "echo first >&2; echo 'no such database' >&2; exit 64"
    problem = failure(handler(CommandSpec(("sh", "-c", script))), new_run())
    assert (problem.error, problem.match, problem.retryable) == ("ExitCode", ("exit:64",), True)
    assert str(problem) == "exit 64: no such database\nfirst\nno such database"


def test_a_signal_is_named(handler, new_run):
    problem = failure(handler(CommandSpec(("sh", "-c", "kill -KILL $$"))), new_run())
    assert (problem.error, problem.match) == ("Signal", ("signal:KILL", "exit:137"))


def test_a_missing_program_may_be_retried(handler, new_run):
    problem = failure(handler(CommandSpec(("no-such-program-anywhere",))), new_run())
    assert (problem.error, problem.match, problem.retryable) == ("CommandNotFound", ("exit:127",), True)


def test_a_missing_working_directory_is_not_a_missing_program(handler, new_run):
    assert failure(handler(CommandSpec(("true",), cwd="nowhere")), new_run()).error == "WorkingDirectory"


def test_an_argument_that_is_too_long_is_not_retried(handler, new_run):
    problem = failure(handler(CommandSpec(("true", "{{ v }}"))), new_run({"v": "x" * 300_000}))
    assert (problem.error, problem.retryable) == ("CommandNotStarted", False)


def test_cwd_is_a_template_relative_to_the_catalog(handler, new_run, tmp_path):
    (tmp_path / "data").mkdir()
    run = new_run({"folder": "data"})
    handler(CommandSpec(("pwd", "-P"), cwd="{{ folder }}"))(run.attempt)
    assert run.texts("stdout") == [str((tmp_path / "data").resolve())]


def test_the_environment_is_inherited_set_and_given_but_holds_none_of_the_workers_own_settings(
    handler, new_run, tmp_path
):
    (tmp_path / "token").write_text("s3cret\n")
    spec = CommandSpec(
        ("env",),
        env={
            "CITY": "{{ city }}",
            "TOKEN": External("file", "token"),
            "KEY": External("env", "HOOK_KEY"),
        },
    )
    run = new_run({"city": "Rome"}, environment={"FROM": "the worker"}, token="t-1")
    handler(spec, HOOK_KEY="k", JOBCTL_REDIS_URL="redis://:pw@host")(run.attempt)
    seen = set(run.texts("stdout"))
    assert {"CITY=Rome", "TOKEN=s3cret", "KEY=k", "HOOK_KEY=k", "FROM=the worker"} <= seen
    assert {"JOBCTL_JOB_ID=job-1", "JOBCTL_ATTEMPT=1", "JOBCTL_TOKEN=t-1"} <= seen
    assert not any("REDIS_URL" in line for line in seen)


@pytest.mark.parametrize("external", [External("env", "ABSENT"), External("file", "absent")])
def test_a_missing_external_value_is_a_failure_that_names_it(handler, new_run, external):
    problem = failure(handler(CommandSpec(("true",), env={"X": external})), new_run())
    assert problem.error == "MissingValue"
    assert external.name in str(problem)


def test_stdin_is_empty(handler, new_run):
    assert handler(CommandSpec(("cat",)))(new_run().attempt) is None


def test_output_comes_line_by_line_and_broken_utf8_is_replaced(handler, new_run):
    run = new_run()
    script = r"printf 'one\r\ntwo\n\n\377\303\251 end'; printf 'err\n' >&2"
    handler(CommandSpec(("bash", "-c", script)))(run.attempt)
    assert run.texts("stdout") == ["one", "two", "", "\ufffdé end"]
    assert run.texts("stderr") == ["err"]


def test_a_flood_on_both_streams_neither_blocks_nor_grows(handler, new_run):
    flood = "import sys\nfor s in (sys.stderr, sys.stdout): s.write('x' * 3_000_000)\nsys.exit(3)"
    run = new_run()
    problem = failure(handler(CommandSpec((sys.executable, "-c", flood))), run)
    assert sum(map(len, run.texts("stdout"))) == 3_000_000
    assert max(map(len, run.texts("stderr"))) == process.MAX_LINE
    assert len(str(problem)) < process.TAIL


def test_a_flood_is_read_no_faster_than_it_is_kept(handler, into_its_limit):
    run, _ = into_its_limit(handler(CommandSpec(("yes",))), lambda run, _: run.lines, wait=0.02)
    assert 0 < len(run.lines) * len("y\n") <= 3 * process.CHUNK


LEAVERS = {
    "setsid": "setsid sleep 300 & echo $!; sleep 300",
    "double fork": "(setsid sh -c 'sleep 300 & echo $!' &) ; sleep 300",
    "daemon": """exec python3 -c '
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    print(os.getpid(), flush=True)
    time.sleep(300)
time.sleep(300)'""",
}


@pytest.mark.parametrize("leaver", LEAVERS)
def test_what_left_the_group_dies_with_the_attempt(handler, new_run, gone, leaver):
    run = new_run(on_line=lambda run, _: run.attempt.cancel.cancel("cancelled"))
    with pytest.raises(AttemptCancelled):
        handler(CommandSpec(("sh", "-c", LEAVERS[leaver])))(run.attempt)
    assert gone(pids(run.texts("stdout")[0])[0])


def pids(line: str) -> list[int]:
    return [int(word) for word in line.split()]


def test_the_whole_group_dies_at_the_deadline(handler, into_its_limit, gone):
    family = handler(CommandSpec(("sh", "-c", "sleep 600 & echo $$ $!; wait")))
    run, _ = into_its_limit(family, lambda run, _: run.texts("stdout"))
    assert all(gone(pid) for pid in pids(run.texts("stdout")[0]))


def test_the_whole_group_dies_on_a_cancel_from_another_thread(handler, new_run, gone):
    def cancel(run, _line):
        threading.Thread(target=run.attempt.cancel.cancel, args=("cancelled",)).start()

    run = new_run(on_line=cancel)
    with pytest.raises(AttemptCancelled):
        handler(CommandSpec(("sh", "-c", "sleep 60 & echo $$ $!; wait")))(run.attempt)
    assert all(gone(pid) for pid in pids(run.texts("stdout")[0]))


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(handler, into_its_limit, gone, monkeypatch):
    monkeypatch.setattr(process, "KILL_GRACE_S", 0.2)
    deaf = handler(CommandSpec(("sh", "-c", "trap '' TERM; echo $$; sleep 600; sleep 600")))
    run, _ = into_its_limit(deaf, lambda run, _: run.texts("stdout"))
    assert all(gone(pid) for pid in pids(run.texts("stdout")[0]))


def test_a_command_may_clean_up_on_sigterm(handler, new_run):
    run = new_run(on_line=lambda run, line: run.attempt.cancel.cancel("shutdown") if line == "up" else None)
    script = "trap 'echo cleaned; exit 0' TERM; echo up; sleep 60 & wait"
    with pytest.raises(AttemptCancelled, match="shutdown"):
        handler(CommandSpec(("sh", "-c", script)))(run.attempt)
    assert run.texts("stdout") == ["up", "cleaned"]


def test_what_the_leader_leaves_behind_is_killed(handler, new_run, gone):
    run = new_run()
    handler(CommandSpec(("sh", "-c", "sleep 60 & echo $!; exit 0")))(run.attempt)
    assert all(gone(pid) for pid in pids(run.texts("stdout")[0]))


def test_a_process_that_left_the_group_with_the_pipes_does_not_hang_the_handler(handler, new_run, gone, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = "setsid sh -c 'echo $$; exec sleep 60' & read -r _ < gate"
    run = new_run(on_line=lambda _run, _line: os.close(os.open(gate, os.O_WRONLY)))
    command = handler(CommandSpec(("sh", "-c", script), cwd="."))
    with pytest.raises(HandlerFailure, match="exit 1"):  # the gate closes without a line
        command(run.attempt)
    (escaped,) = pids(run.texts("stdout")[0])
    assert gone(escaped)


def test_an_attempt_that_was_cancelled_before_it_began_starts_nothing(handler, new_run):
    run = new_run()
    run.attempt.cancel.cancel("cancelled")
    with pytest.raises(AttemptCancelled):
        handler(CommandSpec(("echo", "hello")))(run.attempt)
    assert run.lines == []


WORKER = """
import os, time
from jobctl.catalog.kinds.command import CommandSpec
from jobctl.catalog.model import JobType
from jobctl.handlers import build
from jobctl.handlers.base import Attempt, CancelToken
say = lambda _stream, text: print(text, flush=True)
attempt = Attempt("j", "t", "q", 1, {}, time.monotonic() + 60, CancelToken(), say)
command = CommandSpec(("sh", "-c", "sleep 60 & echo $$ $!; wait"))
build(JobType("t", command), env=dict(os.environ))(attempt)
"""


def test_the_whole_group_dies_with_a_worker_that_is_killed(gone):
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        started = pids(worker.stdout.readline())
        worker.kill()
    assert len(started) == 2
    assert all(gone(pid) for pid in started)


def test_commands_run_side_by_side_in_threads(handler, new_run):
    command = handler(CommandSpec(("sh", "-c", "echo {{ n }}; sleep 0.2")))
    runs = [new_run({"n": number}) for number in range(8)]
    threads = [threading.Thread(target=command, args=(run.attempt,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [run.texts("stdout") for run in runs] == [[str(number)] for number in range(8)]


@given(st.integers(0, 12), st.integers(1, 30), st.integers(1, 3))
def test_pieces_of_a_long_line_hold_no_part_of_a_secret(before: int, chunk: int, times: int) -> None:
    secret, size = "sekret-" + "w0rd" * 5, 8
    text = "x" * before + secret * times + "y" * 9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "MAX_LINE", size)
        lines = process._Lines(Scrubber([secret]))
        data = text.encode()
        said = [line for at in range(0, len(data), chunk) for line in lines.feed(data[at : at + chunk])]
        said += lines.finish()
    parts = {secret[at : at + MIN_TEXT] for at in range(len(secret) - MIN_TEXT + 1)}
    assert not [line for line in said for part in parts if part in line.replace(MARK, "")]
