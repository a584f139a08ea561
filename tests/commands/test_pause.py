"""Pauses of queues, job types and everything: who waits, who is told, when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from jobctl import clock
from jobctl.store import Store
from jobctl.store.nouns.pauses import Pause
from tests.commands.test_queue import profile
from tests.project import Project
from tests.support import PATIENCE_S, Cli, eventually

START = Callable[[], None]


def greet(lab: Cli, job_type: str = "greet") -> str:
    ran = lab("enqueue", job_type, "name=Ada")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def state(store: Store, job_id: str) -> str:
    found = store.jobs.find(job_id)
    return found.state if found else "gone"


@pytest.mark.parametrize("target", [("default",), ("--type", "greet"), ("--all",)])
def test_a_worker_started_while_paused_waits_and_starts_when_it_is_resumed(
    lab: Cli, store: Store, worker: START, target: tuple[str, ...]
) -> None:
    job_id = greet(lab)
    assert lab("queue", "pause", *target).code == 0
    free = greet(lab, "mail")
    worker()
    if target != ("--all",):
        eventually(lambda: state(store, free) == "completed")
    else:
        eventually(lambda: lab("job", "wait", free, "--timeout", "1s").code == 6)
    assert state(store, job_id) in ("waiting", "limited")
    assert lab("queue", "resume", *target).code == 0
    eventually(lambda: state(store, job_id) == "completed")
    assert store.jobs.find(job_id).record.count == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("target", [("default",), ("--type", "greet"), ("--all",)])
def test_a_pause_ends_by_itself(lab: Cli, store: Store, worker: START, target: tuple[str, ...]) -> None:
    until = lab("queue", "pause", *target, "--for", "2s", "-o", "json").json()[0]["until"]
    job_id = greet(lab)
    worker()
    eventually(lambda: state(store, job_id) == "completed")
    found = store.jobs.find(job_id)
    assert found is not None
    assert (found.record.began or 0) >= clock.to_ms(datetime.fromisoformat(until))
    assert store.pauses.now() == {}


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_job_type_that_is_named_like_a_filter_is_told_how_to_name_it(lab: Cli, verb: str) -> None:
    ran = lab("queue", verb, "job:greet")
    assert (ran.code, ran.err) == (2, "jobctl: job:greet is no queue; name the job type with --type greet\n")
    assert "did you mean default?" in lab("queue", verb, "queue:defalt").err


def test_an_older_job_of_a_paused_type_holds_up_nobody(lab: Cli, store: Store, worker: START) -> None:
    assert lab("queue", "pause", "--type", "greet", "--until", "tomorrow 09:00").code == 0
    held = [greet(lab) for _ in range(3)]
    noisy = lab("enqueue", "noisy").out.strip()
    worker()
    eventually(lambda: state(store, noisy) == "completed")
    eventually(lambda: [state(store, job_id) for job_id in held] == ["limited"] * 3)
    assert all(found.record.count == 0 for found in store.jobs.locate("default", held))


def test_a_pause_that_takes_the_place_of_another_says_what_that_was(lab: Cli) -> None:
    assert "this replaces" not in lab("queue", "pause", "default", "--reason", "bad deploy", "--block-producers").err
    again = lab("queue", "pause", "default", "--reason", "bad deploy", "--block-producers", "-o", "json")
    assert ([row["changed"] for row in again.json()], "this replaces" in again.err) == ([False], False)
    other = lab("queue", "pause", "default", "email", "--for", "1h", "-o", "json")
    assert [row["changed"] for row in other.json()] == [True, True]
    [before] = [line for line in other.err.splitlines() if line.startswith("this replaces: ")]
    assert before.startswith("this replaces: queue default is paused until it is resumed: bad deploy (by ")
    assert before.endswith("new jobs are refused")


def test_a_pause_of_a_type_that_is_made_shorter_ends_when_it_says(lab: Cli, store: Store, worker: START) -> None:
    assert lab("queue", "pause", "--type", "greet", "--for", "1h").code == 0
    job_id = greet(lab)
    worker()
    eventually(lambda: state(store, job_id) == "limited")
    assert lab("queue", "pause", "--type", "greet", "--for", "1s").code == 0
    eventually(lambda: state(store, job_id) == "completed")


def test_every_view_tells_of_pauses(lab: Cli) -> None:
    greet(lab)
    assert lab("queue", "pause", "email", "--type", "greet", "--reason", "bad \x1b[31mdeploy").code == 0
    rows = {row["queue"]: row for row in lab("queue", "ls", "-o", "json").json()}
    assert (rows["email"]["paused"], rows["email"]["paused_types"]) == (True, [])
    assert (rows["default"]["paused"], rows["default"]["paused_types"]) == (False, ["greet"])
    listed = lab("queue", "ls")
    assert [line.split()[-1] for line in listed.lines()[1:]] == ["greet", "yes"]
    for ran in (listed, lab("ps")):
        assert "queue email is paused until it is resumed: bad" in ran.err
        assert "job type greet is paused" in ran.err
        assert "\x1b" not in ran.err
    assert "job type greet" not in lab("queue", "ls", "email").err
    [pause] = lab("queue", "show", "default", "-o", "json").json()["pauses"]
    assert (pause["queue"], pause["type"], pause["until"], pause["changed"]) == (None, "greet", None, False)
    assert "job type greet is paused" in lab("queue", "show", "default").out
    checks = {row["check"]: row for row in lab("doctor", "-o", "json").json()}
    assert checks["pauses"]["status"] == "warn"
    assert "jobctl queue resume email" in checks["pauses"]["advice"]


def test_a_pause_of_everything_shows_at_every_queue_and_outlives_the_resume_of_one(lab: Cli) -> None:
    ran = lab("queue", "pause", "--all", "--for", "1h")
    assert (ran.code, "paused everything until" in ran.err) == (0, True)
    assert {row["paused"] for row in lab("queue", "ls", "-o", "json").json()} == {True}
    detail = lab("queue", "show", "email", "-o", "json").json()
    assert (detail["paused"], detail["pause_until"] is not None) == (True, True)
    resumed = lab("queue", "resume", "email")
    assert "email was not paused" in resumed.err
    assert "everything is paused until" in resumed.err
    assert "`jobctl queue resume --all`" in resumed.err


def test_a_resume_of_everything_says_what_stays_paused(lab: Cli) -> None:
    assert lab("queue", "pause", "email").code == lab("queue", "pause", "--all").code == 0
    ran = lab("queue", "resume", "--all")
    assert "resumed everything" in ran.err
    assert "`jobctl queue resume email` ends it" in ran.err


def test_changes_are_in_the_audit_log(lab: Cli, store: Store) -> None:
    lab("queue", "pause", "email", "--type", "greet", "--block-producers", "--reason", "why")
    lab("queue", "resume", "--type", "greet")
    found = [(entry.action, entry.target, entry.detail) for entry in store.audit.recent()]
    assert found == [
        ("queue resume", "type:greet", ""),
        ("queue pause", "type:greet", "no producers why"),
        ("queue pause", "queue:email", "no producers why"),
    ]


def test_what_cannot_be_meant_is_said_in_one_line(lab: Cli) -> None:
    for args, code in (
        ((), 2),
        (("--all", "email"), 2),
        (("email", "--for", "0s"), 2),
        (("--type", "gret"), 4),
        (("--type", "greet", "emial"), 4),
    ):
        ran = lab("queue", "pause", *args)
        assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1), ran.err
    assert "did you mean greet?" in lab("queue", "pause", "--type", "gret").err
    assert lab("queue", "ls", "-o", "json").json()[0]["paused_types"] == []


def test_a_read_only_profile_pauses_nothing(lab: Cli, redis_url: str) -> None:
    profile(lab, redis_url)
    assert lab("queue", "pause", "--type", "greet", "--profile", "look").code == 5
    assert lab("queue", "resume", "--all", "--profile", "look").code == 5


# producers


@pytest.mark.parametrize("target", [("email",), ("--type", "mail"), ("--all",)])
def test_producers_that_are_shut_out_exit_with_5(lab: Cli, store: Store, target: tuple[str, ...]) -> None:
    assert lab("queue", "pause", *target, "--block-producers").code == 0
    ran = lab("enqueue", "mail", "name=Ada")
    assert (ran.code, ran.out, ran.err.count("\n")) == (5, "", 1)
    assert "is paused and takes no new jobs" in ran.err
    assert lab("queue", "pause", *target).code == 0  # without the option they may again
    assert state(store, greet(lab, "mail")) == "waiting"


def test_lines_for_a_closed_queue_are_refused_and_those_for_others_are_told(lab: Cli, store: Store) -> None:
    assert lab("queue", "pause", "email", "--block-producers").code == 0
    lines = [{"type": kind, "payload": {"name": "x"}} for kind in ("greet", "mail", "greet", "mail")]
    ran = lab("enqueue", "-", "--from", "-", input="".join(f"{json.dumps(line)}\n" for line in lines))
    assert ran.code == 5
    ids = ran.out.split()
    assert [state(store, job_id) for job_id in ids] == ["waiting", "waiting"]
    assert "2 lines accepted" in ran.err
    assert "may have been" not in ran.err
    assert [row["waiting"] for row in lab("queue", "ls", "-o", "json").json()] == [2, 0]


def test_a_pause_in_the_middle_of_many_lines_loses_none_that_was_accepted(lab: Cli, store: Store) -> None:
    process = lab.start("enqueue", "greet", "--from", "-", stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write('{"name": "first"}\n')
    process.stdin.flush()
    first = process.stdout.readline().strip()
    assert lab("queue", "pause", "default", "--block-producers").code == 0
    out, err = process.communicate('{"name": "second"}\n{"name": "third"}\n', timeout=PATIENCE_S)
    assert (process.returncode, out) == (5, "")
    assert "1 line accepted" in err
    assert state(store, first) == "waiting"
    assert [row["waiting"] for row in lab("queue", "ls", "-o", "json").json()] == [1, 0]


def test_a_starting_worker_says_what_is_paused(project: Project) -> None:
    project.store.pauses.pause("default", Pause(0, "bad deploy", "ada"))
    project.worker().said("queue default is paused until it is resumed: bad deploy (by ada)")
