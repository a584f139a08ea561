"""`jobctl run`, as a user runs it: nothing else runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.commands.conftest import CATALOG
from tests.support import PATIENCE_S, Cli, eventually


@pytest.fixture
def here(cli: Cli) -> Cli:
    """The command with the catalog and no Redis at all."""
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    return cli


def test_the_result_goes_to_stdout_and_what_the_job_prints_to_stderr(here: Cli) -> None:
    done = here("run", "greet", "name=Ada", "n=3")

    assert done.code == 0
    assert done.json() == {"hello": "Ada", "n": 3, "ok": True}
    assert "printing Ada" in done.err


def test_the_job_knows_its_label(here: Cli) -> None:
    (here.cwd / "mine.py").write_text("import jobctl\n\ndef named(name): return jobctl.current().job.label\n")
    (here.cwd / "jobs.yaml").write_text('version: 1\njobs: {named: {python: "mine:named", label: "for {{ name }}"}}\n')

    assert here("run", "named", "name=Ada").json() == "for Ada"


LIVED = """\
import asyncio
import sys
from contextlib import asynccontextmanager

import jobctl

@asynccontextmanager
async def lifespan():
    yield asyncio.get_running_loop()
    print("left")

async def shares():
    return jobctl.current().resources is asyncio.get_running_loop()
"""


def test_the_lifespan_is_entered_and_left(here: Cli) -> None:
    (here.cwd / "lived.py").write_text(LIVED)
    (here.cwd / "jobs.yaml").write_text(
        'version: 1\njobs: {shares: {python: "lived:shares"}}\nworker: {lifespan: "lived:lifespan"}\n'
    )
    done = here("run", "shares")

    assert done.json() is True
    assert "left" in done.err


def test_a_job_that_enqueue_refuses_does_not_run(here: Cli) -> None:
    (here.cwd / "jobs.yaml").write_text(CATALOG + '  keyed: {command: [echo, ran], unique: {key: "{{ order_id }}"}}\n')
    done = here("run", "keyed", "name=Ada")

    assert (done.code, done.out) == (2, "")
    assert "order_id" in done.err


def test_json_is_a_record_with_the_outcome(here: Cli) -> None:
    record = here("run", "greet", "name=Ada", "-o", "json").json()

    assert list(record) == ["id", "type", "outcome", "duration_s", "result", "error", "message", "traceback"]
    assert (record["outcome"], record["result"]["hello"]) == ("completed", "Ada")


def test_a_failure_shows_the_users_own_frames_harmlessly(here: Cli) -> None:
    done = here("run", "boom")

    assert (done.code, done.out) == (1, "")
    frames = [line for line in done.err.splitlines() if line.startswith("  File")]
    assert len(frames) == 1
    assert "work_tasks.py" in frames[0]
    assert "jobctl: boom failed" in done.err
    assert not set("\x1b\x07\u202e\r") & set(done.err)


def test_the_time_limit_holds_for_a_function_that_never_yields(here: Cli) -> None:
    done = here("run", "spin", "-o", "json")

    assert (done.code, done.json()["outcome"], done.json()["error"]) == (1, "timeout", "Timeout")


def test_a_commands_output_is_streamed_and_its_exit_code_told(here: Cli) -> None:
    done = here("run", "fail")

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0] == "broken"
    assert "ExitCode: exit 3: broken" in done.err


@pytest.mark.parametrize("job", ["sleep", "dawdle"])
def test_ctrl_c_ends_what_runs(here: Cli, job: str, tmp_path: Path) -> None:
    seconds = f"77{os.getpid()}"  # that no other test of the machine sleeps for
    process = here.start("run", job, *([f"seconds:={seconds}"] if job == "sleep" else []))
    try:
        if job == "sleep":
            assert process.stderr is not None
            assert process.stderr.readline() == "started\n"
            eventually(lambda: _running(seconds))  # the shell says so before it becomes `sleep`
        else:
            eventually(lambda: _catches_interrupts(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        eventually(lambda: not _running(seconds))
    finally:
        process.kill()
        process.communicate()


def _running(argument: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().split(b"\0")[:2] == [b"sleep", argument.encode()]:
                found.append(folder.name)
        except OSError:
            continue
    return found


def _catches_interrupts(pid: int) -> bool:
    """Whether asyncio runs there: its loop has opened an epoll."""
    try:
        return any("eventpoll" in str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_a_payload_that_does_not_fit_runs_nothing(here: Cli) -> None:
    done = here("run", "greet", "nam=Ada")

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


def test_enqueueing_inside_it_says_that_there_is_no_redis(here: Cli) -> None:
    done = here("run", "parent")

    assert done.code == 1
    assert "RedisUnavailable: no Redis is configured, and no embedded server is running" in done.err.splitlines()[-1]


def test_enqueueing_inside_it_works_where_there_is_one(lab: Cli) -> None:
    child = lab("run", "parent").json()

    assert lab("job", "show", child, "-o", "json").json()["payload"] == {"name": "child"}


DEFAULTED = """
version: 1
jobs:
  copy:
    command: [echo, "{{ source }} to {{ target.folder }}", "{{ level }}"]
    payload:
      required: [source]
      properties: {source: {}, level: {type: integer, default: 3}, target: {properties: {folder: {default: /tmp}}}}
"""


def test_a_default_of_the_schema_is_there_for_templates(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text(DEFAULTED)
    done = cli("run", "copy", "source=a", "target:={}")
    assert (done.code, done.err.splitlines()[0]) == (0, "a to /tmp 3")


CUT = """
version: 1
jobs:
  long: {command: [sh, -c, 'printf "%8186s%s\\n" "" "$1"', sh, "{{ to }}"], redact: [to], payload: {required: [to]}}
"""


def test_no_half_of_a_redacted_value_is_shown_where_a_long_line_is_cut(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text(CUT)
    done = cli("run", "long", "to=sekret-word")
    assert done.code == 0
    assert "[redacted]" in done.err
    assert not [part for part in ("sek", "ret", "word") if part in done.err.replace("[redacted]", "")]
