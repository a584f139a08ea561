"""`jobctl job …`, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from jobctl.store import Store
from tests.commands import work_tasks
from tests.commands.test_enqueue import JOB_FIELDS
from tests.support import PATIENCE_S, Cli, eventually

ATTEMPT_FIELDS = ["number", "outcome", "error", "message", "traceback", "host", "pid", "started_at", "duration_s"]


def enqueue(lab: Cli, *args: str) -> str:
    done = lab("enqueue", *args)
    assert done.code in (0, 7), done.err
    return done.out.strip()


def state_of(lab: Cli, job_id: str) -> str:
    return str(lab("job", "show", job_id, "-o", "json").json()["state"])


def audit(store: Store) -> list[tuple[str, str, int]]:
    return [(entry.action, entry.target, entry.changed) for entry in store.audit.recent()]


def test_show_is_the_record_as_documented(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "boom", "--wait")
    record = lab("job", "show", job_id, "-o", "json").json()

    assert list(record) == JOB_FIELDS
    assert [list(attempt) for attempt in record["attempts"]] == [ATTEMPT_FIELDS] * 2
    assert (record["state"], record["attempt_count"], record["max_retries"]) == ("dead", 2, 1)
    assert record["message"] == work_tasks.HOSTILE


def test_the_card_tells_all_and_harms_nobody(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "boom", "--wait")
    card = lab("job", "show", job_id).out

    for told in (job_id, "dead", "ValueError: bad [/red]", "attempts (2", "traceback of attempt 2", "work_tasks.py"):
        assert told in card
    assert not set("\x1b\x07\u202e\r") & set(card)


def test_several_jobs_are_a_list_and_an_unknown_one_is_exit_4(lab: Cli) -> None:
    one, two = enqueue(lab, "greet", "name=a"), enqueue(lab, "mail", "name=b")
    done = lab("job", "show", one, "nope", two, "-o", "json")

    assert done.code == 4
    assert [job["id"] for job in done.json()] == [one, two]
    assert "no job nope" in done.err
    assert lab("job", "show", "nope").code == 4


def test_a_job_whose_body_is_rubbish_is_shown_and_can_be_cancelled(lab: Cli, store: Store) -> None:
    job_id = enqueue(lab, "greet", "name=a")
    store.client.hset("lab:default.msgs", job_id, b"\xff{not json")

    assert "cannot be read" in lab("job", "show", job_id).out
    assert lab("job", "show", job_id, "-o", "json").json()["type"] == "?"
    assert lab("job", "ls").code == 0
    assert lab("job", "cancel", job_id).code == 0


def test_ls_lists_the_newest_first_and_filters(lab: Cli, worker: Callable[[], None]) -> None:
    ids = [enqueue(lab, "greet", f"name=u{n}", f"n={n}", "--delay", "1h") for n in range(3)]
    ids.append(enqueue(lab, "mail", "name=m"))

    def listed(*args: str) -> list[str]:
        return lab("job", "ls", "--limit", "99", *args, "-o", "name").lines()

    assert listed() == ids[::-1]
    assert listed("--limit", "2") == ids[:1:-1]
    assert listed("state:waiting") == ids[3:]
    assert listed("queue:email") == ids[3:]
    assert listed("args.n=1") == ids[1:2]
    assert listed("label:for u*") == ids[2::-1]
    assert listed(f"id:{ids[2]}") == ids[2:3]
    assert lab("job", "ls", "job:none", "-o", "json").json() == []
    table = lab("job", "ls")
    assert table.lines()[0].split()[:3] == ["ID", "STATE", "TYPE"]
    assert "\x1b" not in table.out


def test_ls_lists_the_newest_of_a_long_queue(lab: Cli) -> None:
    lines = "".join(f'{{"name": "u{n}"}}\n' for n in range(1200))
    ids = lab("enqueue", "greet", "--from", "-", input=lines).lines()

    assert lab("job", "ls", "--limit", "5", "-o", "name").lines() == ids[:-6:-1]


def test_logs_show_what_was_written_and_follow_until_the_end(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "fail", "--wait")
    lines = [json.loads(line) for line in lab("job", "logs", job_id, "-o", "jsonl").lines()]
    follower = lab("job", "logs", "-f", job_id)

    assert [(line["stream"], line["text"]) for line in lines] == [("stderr", "broken")]
    assert "stderr: broken" in follower.out
    assert "has no log lines" in lab("job", "logs", enqueue(lab, "greet", "name=x")).err
    assert lab("job", "logs", "nope").code == 4


def test_follow_shows_lines_as_they_come_and_ends_with_the_job(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "sleep", "seconds:=60")
    process = lab.start("job", "logs", "-f", job_id)
    assert process.stdout is not None
    try:
        assert "started" in process.stdout.readline()
        assert lab("job", "cancel", job_id).code == 0
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.communicate()


def test_wait_gives_the_worst_end(lab: Cli, worker: Callable[[], None]) -> None:
    late = enqueue(lab, "greet", "name=x", "--delay", "1h")
    worker()
    good, bad = enqueue(lab, "greet", "name=x"), enqueue(lab, "fail")

    assert lab("job", "wait", good).code == 0
    died = lab("job", "wait", good, bad)
    told = f"jobctl: job {bad} is dead: ExitCode: exit 3: broken; jobctl job show {bad}"
    assert (died.code, told in died.err.splitlines()) == (7, True), died.err
    assert lab("job", "result", bad).err.splitlines() == [told]
    timed_out = lab("job", "wait", good, late, "--timeout", "50ms")
    assert timed_out.code == 6
    assert "it goes on" in timed_out.err
    assert lab("job", "wait", "nope").code == 4


@pytest.mark.parametrize("options", [[], ["--delay", "1h"]])
def test_cancel_ends_what_does_not_run(lab: Cli, store: Store, options: list[str]) -> None:
    job_id = enqueue(lab, "greet", "name=x", *options)
    done = lab("job", "cancel", job_id, "-o", "json")

    assert (done.code, done.json()) == (0, {"matched": 1, "changed": 1, "skipped": 0, "failed": 0})
    assert state_of(lab, job_id) == "cancelled"
    assert audit(store) == [("job cancel", job_id, 1)]
    assert lab("tail", "-o", "json").json()[0]["event"] == "cancelled"
    again = lab("job", "cancel", job_id)
    assert (again.code, "already" in again.err) == (0, True)


@pytest.mark.parametrize("job", [("sleep", "seconds:=60"), ("dawdle",), ("busy",), ("sour",)])
def test_cancel_stops_a_running_job_whatever_it_raises(
    lab: Cli, worker: Callable[[], None], job: tuple[str, ...]
) -> None:
    worker()
    job_id = enqueue(lab, *job)
    eventually(lambda: state_of(lab, job_id) == "running")

    assert lab("job", "cancel", job_id).code == 0
    record = lab("job", "show", job_id, "-o", "json").json()
    assert (record["state"], record["attempts"][0]["outcome"]) == ("cancelled", "cancelled")


def test_cancel_says_that_a_job_does_not_notice_and_it_is_cancelled_when_it_does(
    lab: Cli, store: Store, worker: Callable[[], None]
) -> None:
    worker()
    job_id = enqueue(lab, "hold")
    assert work_tasks.STARTED.wait(PATIENCE_S)
    done = lab("job", "cancel", job_id, "--timeout", "300ms")

    assert done.code == 6
    assert "still runs after 0.3 s: it is in a call that cannot be interrupted" in done.err
    assert audit(store) == [("job cancel", job_id, 1)]
    work_tasks.RELEASE.set()
    assert lab("job", "wait", job_id).code == 7
    assert state_of(lab, job_id) == "cancelled"


def test_a_job_that_catches_its_cancel_and_returns_a_result_has_completed(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "deaf")
    assert work_tasks.STARTED.wait(PATIENCE_S)

    assert lab("job", "cancel", job_id, "--timeout", "300ms").code == 6
    work_tasks.RELEASE.set()
    assert lab("job", "wait", job_id).code == 0


def test_cancel_needs_no_catalog(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "busy")
    assert work_tasks.STARTED.wait(PATIENCE_S)
    (lab.cwd / "empty").mkdir()

    assert lab("job", "cancel", job_id, "--namespace", "lab", cwd=lab.cwd / "empty").code == 0


def test_an_ended_job_is_not_cancelled(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done = lab("job", "cancel", enqueue(lab, "fail", "--wait"))

    assert done.code == 4
    assert "is dead: nothing to cancel" in done.err


def test_cancel_by_filter_wants_a_plan_or_a_yes(lab: Cli) -> None:
    ids = [enqueue(lab, "greet", f"name=u{n}", "--delay", "1h") for n in range(3)]

    plan = lab("job", "cancel", "job:greet", "--dry-run", "-o", "json")
    assert (plan.code, plan.json()["matched"], plan.json()["changed"]) == (0, 3, 0)
    assert lab("job", "cancel", "job:greet").code == 5
    refused = lab("job", "cancel", "job:greet", "--yes", "--max", "2")
    assert (refused.code, "allow it with --max 3" in refused.err) == (5, True)
    assert {state_of(lab, i) for i in ids} == {"delayed"}
    assert lab("job", "cancel", "job:greet", "--yes", "--max", "3").code == 0
    assert {state_of(lab, i) for i in ids} == {"cancelled"}
    assert lab("job", "cancel", "job:greet", "--yes", "--max", "3").code == 4


def test_retry_brings_a_dead_job_back_with_a_fresh_budget(lab: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "boom", "--wait")

    assert lab("job", "retry", job_id).code == 0
    assert audit(store) == [("job retry", job_id, 1)]
    eventually(lambda: lab("job", "show", job_id, "-o", "json").json()["attempt_count"] == 4)
    assert lab("job", "wait", job_id).code == 7


def test_retry_of_what_waits_for_its_retry_runs_it_now(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = enqueue(lab, "patient")
    eventually(lambda: state_of(lab, job_id) == "retrying")

    assert lab("job", "retry", job_id).code == 0
    eventually(lambda: lab("job", "show", job_id, "-o", "json").json()["attempt_count"] == 2)


def test_retry_brings_back_a_cancelled_job_and_refuses_a_completed_one(lab: Cli, worker: Callable[[], None]) -> None:
    job_id = enqueue(lab, "greet", "name=x")
    lab("job", "cancel", job_id)

    assert lab("job", "retry", job_id).code == 0
    assert state_of(lab, job_id) == "waiting"
    assert lab("job", "retry", job_id).code == 0
    worker()
    assert lab("job", "wait", job_id).code == 0
    done = lab("job", "retry", job_id)
    assert done.code == 5
    assert "enqueue a new job" in done.err


def test_promote_lets_a_delayed_job_run(lab: Cli) -> None:
    job_id = enqueue(lab, "greet", "name=x", "--delay", "1h")

    assert lab("job", "promote", job_id).code == 0
    assert state_of(lab, job_id) == "waiting"
    assert lab("job", "promote", job_id).code == 0
    lab("job", "cancel", job_id)
    assert lab("job", "promote", job_id).code == 4


def test_rm_deletes_what_has_ended_and_nothing_else(lab: Cli, worker: Callable[[], None]) -> None:
    worker()
    done = enqueue(lab, "greet", "name=x", "--wait")
    dead = enqueue(lab, "fail", "--wait")
    live = enqueue(lab, "greet", "name=x", "--delay", "1h")
    ran = lab("job", "rm", done, dead, live, "nope", "-o", "json")

    assert ran.code == 5
    assert ran.json() == {"matched": 3, "changed": 1, "skipped": 2, "failed": 0}
    assert "jobctl dead discard" in ran.err
    assert "cancel it first" in ran.err
    assert lab("job", "show", done).code == 4
    assert state_of(lab, dead) == "dead"


def test_without_redis_every_verb_exits_3_in_one_line(lab: Cli) -> None:
    for args in (["show", "x"], ["ls"], ["logs", "x"], ["wait", "x"], ["cancel", "x"], ["rm", "x"]):
        done = lab("job", *args, env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1"})
        assert (done.code, done.out, done.err.count("\n")) == (3, "", 1), args
