"""What running jobs say: progress, log lines, results; from inside and as others see it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from jobctl.cli.view.bar import bar
from jobctl.store import Store
from jobctl.store.data.records import Progress
from jobctl.store.nouns.settle import Ended
from tests.commands import said_tasks
from tests.support import PATIENCE_S, Cli, eventually

CATALOG = f"""
version: 1
namespace: lab
defaults: {{retries: {{max: 0}}}}
jobs:
  climb: {{python: "tests.commands.said_tasks:climb"}}
  fall: {{python: "tests.commands.said_tasks:fall", retries: {{max: 2, delays: [300ms]}}}}
  nothing: {{python: "tests.commands.said_tasks:nothing"}}
  tell:
    command:
      args:
        - sh
        - -c
        - >-
          "$0" -m jobctl progress 3 10 "packing" && "$0" -m jobctl log one line
          && printf 'two\\nthree' | "$0" -m jobctl log - && echo ready && while [ -e "$1" ]; do sleep 0.05; done
        - {sys.executable}
        - "{{{{ hold }}}}"
  told: {{command: [sh, -c, '"$0" -m jobctl progress 1 2 hello; "$0" -m jobctl log words', {sys.executable}]}}
"""


AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def shop(lab: Cli) -> Iterator[Cli]:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    said_tasks.GO.clear()
    said_tasks.SPEAKING.clear()
    yield lab
    said_tasks.GO.set()


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            Progress(done=1, total=4, message="a\x1b[31m", at=AT, eta_s=190.0),
            "######------------------   25%  1/4  ETA 3m  a\\x1b[31m",
        ),
        (Progress(done=9, total=4, message=None, at=AT, eta_s=0.0), f"{'#' * 24}  100%  9/4  ETA 0ms"),
        (Progress(done=1234.5, total=None, message="so far", at=AT, eta_s=None), "1,234.5  so far"),
    ],
)
def test_a_bar_says_what_is_known_and_harms_nobody(progress: Progress, text: str) -> None:
    assert bar(progress, fine=False) == text


def progress_of(shop: Cli, job_id: str) -> dict[str, object] | None:
    found: dict[str, object] | None = shop("job", "show", job_id, "-o", "json").json()["progress"]
    return found


def on_a_terminal(shop: Cli, *args: str) -> tuple[subprocess.Popen[bytes], int]:
    """A command with a terminal for stdout and stderr, and the terminal's other end."""
    ours, theirs = pty.openpty()
    env = shop.env | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(shop.command(*args), cwd=shop.cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return process, ours


def read_until(terminal: int, *wanted: str) -> str:
    seen = ""

    def look() -> bool:
        nonlocal seen
        seen += os.read(terminal, 65_536).decode(errors="replace")
        return all(text in seen for text in wanted)

    eventually(look, what=f"{wanted}")
    return seen


def test_progress_of_a_python_job_is_shown_while_it_runs_and_gone_after_it(
    shop: Cli, worker: Callable[[], None]
) -> None:
    worker()
    job_id = shop("enqueue", "climb").out.strip()
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    eventually(lambda: (progress_of(shop, job_id) or {}).get("done") == 3, what="the last of quick ones is written")
    progress = progress_of(shop, job_id)
    assert progress is not None
    assert list(progress) == ["done", "total", "message", "at", "eta_s"]
    assert (progress["total"], progress["message"]) == (4, "step 3")
    card = shop("job", "show", job_id).out
    assert re.search("█" * 18 + "░" * 6 + r"   75%  3/4  (ETA \S+  )?step 3", card)
    assert "half way" in shop("job", "logs", job_id).out
    said_tasks.GO.set()
    assert shop("job", "wait", job_id).code == 0
    assert progress_of(shop, job_id) is None


def test_a_command_says_how_far_it_is_and_adds_to_its_log(shop: Cli, worker: Callable[[], None]) -> None:
    hold = shop.cwd / "hold"
    hold.touch()
    worker()
    job_id = shop("enqueue", "tell", f"hold={hold}").out.strip()

    def lines() -> list[tuple[str, str]]:
        return [(line["stream"], line["text"]) for line in shop("job", "logs", job_id, "-o", "json").json()]

    eventually(lambda: ("stdout", "ready") in lines())
    assert lines() == [("log", "one line"), ("log", "two"), ("log", "three"), ("stdout", "ready")]
    progress = progress_of(shop, job_id)
    assert progress is not None
    assert (progress["done"], progress["total"], progress["message"]) == (3, 10, "packing")
    hold.unlink()
    assert shop("job", "wait", job_id).code == 0


def test_an_attempt_that_is_over_says_nothing_more(shop: Cli, store: Store) -> None:
    job_id = shop("enqueue", "nothing").out.strip()
    (job,) = store.settle.fetch("w", ["default"], 1).jobs
    env = {"JOBCTL_JOB_ID": job_id, "JOBCTL_ATTEMPT": "1", "JOBCTL_TOKEN": job.token}
    assert shop("progress", "1", "2", env=env).code == 0
    assert shop("log", "here", env=env).code == 0
    store.settle.write([store.settle.requeue("default", [Ended(job.id, job.token)])])
    store.settle.fetch("w", ["default"], 1)
    for args in (("progress", "2", "2"), ("log", "ghost"), ("log", "-")):
        done = shop(*args, env=env, input="ghost\n")
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"jobctl: attempt 1 of job {job_id} is over: nothing was written; it ended, or another attempt has begun\n"
        )
    assert [line.text for line in store.logs.read("default", job_id)] == ["here"]
    assert progress_of(shop, job_id) is None


@pytest.mark.parametrize("args", [("progress", "1"), ("log", "x"), ("log", "-")])
def test_outside_a_job_they_are_wrong_usage(shop: Cli, args: tuple[str, ...]) -> None:
    done = shop(*args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "only inside a job" in done.err


@pytest.mark.parametrize("args", [("x",), ("-1",), ("nan",), ("1", "ten"), ("1", "inf"), ("9" * 30,)])
def test_progress_is_counted_in_numbers(shop: Cli, args: tuple[str, ...]) -> None:
    done = shop("progress", "--", *args, env={"JOBCTL_JOB_ID": "x", "JOBCTL_TOKEN": "t"})
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "must be a number, 0 or more" in done.err


def test_under_run_they_write_to_stderr(shop: Cli) -> None:
    done = shop("run", "told")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[:2] == ["progress 1 of 2: hello", "words"]


def test_waiting_on_a_terminal_draws_a_bar_and_leaves_it_clean(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = shop("enqueue", "climb").out.strip()
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    process, terminal = on_a_terminal(shop, "job", "wait", job_id)
    try:
        read_until(terminal, "75%", "3/4", "step 3")
        said_tasks.GO.set()
        read_until(terminal, f"job {job_id} completed")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(terminal)


def test_waiting_in_a_pipe_says_the_usual_words_and_no_more(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    process = shop.start("enqueue", "climb", "--wait")
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    said_tasks.GO.set()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (len(out.splitlines()), err) == (1, "")


def test_watch_writes_a_record_each_change_until_the_job_has_ended(shop: Cli, worker: Callable[[], None]) -> None:
    job_id = shop("enqueue", "climb").out.strip()
    process = shop.start("job", "show", "--watch", job_id, "-o", "json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    worker()
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    eventually(lambda: (progress_of(shop, job_id) or {}).get("done") == 3)
    said_tasks.GO.set()
    rest = [json.loads(line) for line in process.communicate(timeout=PATIENCE_S)[0].splitlines()]
    assert process.returncode == 0
    assert first["state"] == "waiting"
    assert (rest[-1]["state"], rest[-1]["result"]) == ("completed", "up")
    assert all(one != other for one, other in zip([first, *rest], rest, strict=False))


def test_watch_on_a_terminal_draws_the_card_again(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = shop("enqueue", "climb").out.strip()
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    process, terminal = on_a_terminal(shop, "job", "show", "-w", job_id)
    try:
        read_until(terminal, "running", "75%")
        said_tasks.GO.set()
        read_until(terminal, "completed", '"up"')
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(terminal)
    assert shop("job", "show", "--watch", job_id, "other").code == 2
    assert shop("job", "show", "--watch", "nope").code == 4


def test_following_goes_on_across_attempts_and_gives_every_line_once(shop: Cli, worker: Callable[[], None]) -> None:
    job_id = shop("enqueue", "fall").out.strip()
    process = shop.start("job", "logs", "-f", job_id, "-o", "jsonl")
    worker()
    out, _ = process.communicate(timeout=PATIENCE_S)
    lines = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert [(line["attempt"], line["text"]) for line in lines] == [(n, "same") for n in (1, 1, 2, 2, 3, 3)]
    assert lines == shop("job", "logs", job_id, "-o", "json").json()


def test_result_is_json_and_the_exit_code_says_why_there_is_none(shop: Cli, worker: Callable[[], None]) -> None:
    job_id = shop("enqueue", "climb").out.strip()
    early = shop("job", "result", job_id)
    assert (early.code, early.out) == (6, "")
    assert "it is waiting; add --wait to wait for it" in early.err
    assert shop("job", "result", job_id, "--wait", "--timeout", "100ms").code == 6
    worker()
    process = shop.start("job", "result", job_id, "--wait")
    assert said_tasks.SPEAKING.wait(PATIENCE_S)
    said_tasks.GO.set()
    assert (json.loads(process.communicate(timeout=PATIENCE_S)[0]), process.returncode) == ("up", 0)
    assert shop("job", "result", job_id, "-o", "yaml").out.splitlines()[0] == "up"
    assert shop("job", "result", job_id, "-o", "name").code == 2
    assert shop("job", "result", job_id, "--timeout", "1s").code == 2
    assert shop("job", "result", "nope").code == 4
    empty = shop("enqueue", "nothing", "--wait").out.strip()
    assert shop("job", "result", empty).code == 4
    dead = shop("enqueue", "fall", "--wait").out.strip()
    assert shop("job", "result", dead).code == 7
    assert shop("job", "result", dead, "--wait").code == 7
