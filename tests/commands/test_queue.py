"""`jobctl queue …`, as a user runs it."""

from __future__ import annotations

import json
import signal

import pytest
import redis

from jobctl.store.nouns.processes import ProcessInfo
from tests.commands import made
from tests.support import PATIENCE_S, Cli, eventually

CATALOG = """\
version: 1
queues: {email: {}}
jobs:
  send: {command: [echo, hi], queue: email}
  other: {command: [echo, hi]}
"""


@pytest.mark.parametrize("words", [("queue", "ls"), ("job", "ls"), ("dead", "ls"), ("dead", "groups")])
def test_ls_of_nothing_is_an_empty_list(redis_cli: Cli, words: tuple[str, str]) -> None:
    (redis_cli.cwd / "jobs.yaml").write_text("version: 1\nnamespace: fresh\n")
    ran = redis_cli(*words, "-o", "json")
    assert (ran.code, ran.json(), ran.err) == (0, [], "")


def test_a_namespace_that_was_mistyped_is_no_list_of_zeros(redis_cli: Cli, redis_client: redis.Redis) -> None:
    (redis_cli.cwd / "jobs.yaml").write_text(CATALOG)
    ran = redis_cli("queue", "ls", "--namespace", "jobctk")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == "jobctl: nothing is stored under the namespace jobctk; no other has anything\n"
    made.waiting(made.store(redis_client), 1)
    assert "; did you mean jobctl?" in redis_cli("queue", "ls", "--namespace", "jobctk").err
    for words in (("job", "ls"), ("dead", "ls"), ("dead", "groups")):
        ran = redis_cli(*words, "--namespace", "jobctk", "-o", "json")
        assert (ran.code, ran.out) == (4, "")
        assert ran.err == "jobctl: nothing is stored under the namespace jobctk; did you mean jobctl?\n"
        assert redis_cli(*words, "--namespace", "jobctl").code == 0
    assert "; this Redis has: jobctl" in redis_cli("queue", "ls", env={"JOBCTL_NAMESPACE": "shop"}).err
    assert redis_cli("queue", "ls", "--namespace", "jobctl").code == 0
    redis_client.hset("stock:mail.msgs", "1", "{}")
    assert "mail" in redis_cli("queue", "ls", "--namespace", "stock").out


def test_queues_of_the_catalog_are_shown_when_empty(redis_cli: Cli) -> None:
    (redis_cli.cwd / "jobs.yaml").write_text(CATALOG)
    rows = redis_cli("queue", "ls", "-o", "json").json()
    assert [row["queue"] for row in rows] == ["default", "email"]
    assert rows[0] == {
        "queue": "default",
        "waiting": 0,
        "delayed": 0,
        "retrying": 0,
        "limited": 0,
        "running": 0,
        "dead": 0,
        "oldest_waiting_s": None,
        "workers": 0,
        "paused": False,
        "paused_types": [],
    }


def test_ls_counts_every_state(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 3)
    made.waiting(st, 1)
    made.begin(st, st.settle.fetch("test", ["default"], 1).jobs)
    made.waiting(st, 2)
    made.waiting(st, 2, priority=-10)
    made.waiting(st, 5, delay_ms=60_000)
    info = ProcessInfo(
        name="h:1:x", kind="worker", host="h", pid=1, queues=("default",), processes=2, threads=4, started_ms=1
    )
    st.processes.beat(info)
    [row] = redis_cli("queue", "ls", "default", "-o", "json").json()
    oldest = row.pop("oldest_waiting_s")
    assert 0 <= oldest < PATIENCE_S
    assert row == {
        "queue": "default",
        "waiting": 4,
        "delayed": 5,
        "retrying": 0,
        "limited": 0,
        "running": 1,
        "dead": 3,
        "workers": 2,
        "paused": False,
        "paused_types": [],
    }


def test_unknown_queue_is_exit_4_with_the_nearest_name(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.waiting(made.store(redis_client), 1, queue="email")
    for args in (("ls", "emial"), ("show", "emial"), ("pause", "emial"), ("empty", "emial", "--dry-run")):
        ran = redis_cli("queue", *args)
        assert (ran.code, ran.out) == (4, "")
        assert "email" in ran.err


def test_show_tells_of_pause_errors_and_the_oldest_job(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 2, message="\x1b[31mred[/nope]")
    oldest = made.waiting(st, 2)[0]
    assert redis_cli("queue", "pause", "default", "--for", "1h", "--reason", "deploy").code == 0
    row = redis_cli("queue", "show", "default", "-o", "json").json()
    assert (row["paused"], row["pause_reason"], row["oldest_waiting"]) == (True, "deploy", oldest)
    assert row["pause_until"].endswith("Z")
    assert [(g["type"], g["error"], g["count"]) for g in row["groups"]] == [("bad", "ValueError", 2)]
    shown = redis_cli("queue", "show", "default")
    assert "\x1b" not in shown.out
    assert "deploy" in shown.out


def test_a_paused_queue_hands_out_nothing_until_resumed(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.waiting(st, 1)
    paused = redis_cli("queue", "pause", "default")
    assert (paused.code, paused.out) == (0, "")
    assert "paused default" in paused.err
    assert st.settle.fetch("test", ["default"], 1).jobs == ()
    resumed = redis_cli("queue", "resume", "default", "-o", "json")
    [row] = resumed.json()
    assert (row["queue"], row["paused"], row["changed"]) == ("default", False, True)
    assert len(st.settle.fetch("test", ["default"], 1).jobs) == 1
    assert "was not paused" in redis_cli("queue", "resume", "default").err
    assert [entry.action for entry in st.audit.recent()] == ["queue resume", "queue pause"]


def test_a_pause_that_cannot_be_is_exit_2(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.waiting(made.store(redis_client), 1)
    assert redis_cli("queue", "pause", "default", "--for", "soon").code == 2
    assert redis_cli("queue", "pause", "default", "--until", "2001-01-01").code == 2
    assert redis_cli("queue", "pause", "default", "--for", "1m", "--until", "23:59").code == 2


def test_empty_asks_a_script_for_yes_and_max(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.waiting(st := made.store(redis_client), 3)
    for args in ((), ("--yes",), ("--max", "3"), ("--yes", "--max", "2")):
        ran = redis_cli("queue", "empty", "default", *args)
        assert (ran.code, ran.out) == (5, ""), ran.err
    assert set(made.states(st, ids)) == {"waiting"}


def test_empty_and_restore_give_everything_back(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    plain = made.waiting(st, 1200)
    urgent = made.waiting(st, 2, priority=-10)
    later = made.waiting(st, 2, delay_ms=600_000)
    due = [f.detail for f in st.jobs.locate("default", later)]
    plan = redis_cli("queue", "empty", "default", "--dry-run", "-o", "json").json()
    assert (plan["matched"], plan["changed"]) == (1204, 0)
    ran = redis_cli("queue", "empty", "default", "--yes", "--max", "2000", "-o", "json")
    assert ran.json() == {"matched": 1204, "changed": 1204, "skipped": 0, "failed": 0}
    assert "jobctl dead restore queue:default" in ran.err
    assert set(made.states(st, [plain[0], urgent[0], later[0]])) == {"discarded"}
    ran = redis_cli("queue", "empty", "default", "--yes", "--max", "9")
    assert (ran.code, "queue default has no jobs that can be moved" in ran.err) == (4, True)
    back = redis_cli("dead", "restore", "queue:default", "--yes", "--max", "2000", "-o", "json")
    assert back.json() == {"matched": 1204, "changed": 1204, "skipped": 0, "failed": 0}
    assert made.states(st, [plain[0], urgent[0]]) == ["waiting", "waiting"]
    assert [f.detail for f in st.jobs.locate("default", later)] == due
    assert {"queue empty", "dead restore"} == {entry.action for entry in st.audit.recent()}


def test_a_job_that_was_retried_before_is_restored_to_waiting(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.dead(st := made.store(redis_client))
    assert redis_cli("dead", "retry", ids[0]).code == 0
    assert redis_cli("queue", "empty", "default", "--yes", "--max", "1").code == 0
    assert redis_cli("dead", "restore", ids[0]).code == 0
    assert made.states(st, ids) == ["waiting"]


def test_watch_repeats_until_ctrl_c(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.waiting(st, 1)
    process = redis_cli.start("queue", "ls", "--watch", "-o", "json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["waiting"] == 1
    made.waiting(st, 1)
    out = process.stdout
    eventually(lambda: json.loads(out.readline())["waiting"] == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    process.communicate()


def test_a_read_only_profile_changes_no_queue(redis_cli: Cli, redis_client: redis.Redis, redis_url: str) -> None:
    made.waiting(made.store(redis_client), 1)
    profile(redis_cli, redis_url)
    for verb in (("pause", "default"), ("resume", "default"), ("empty", "default", "--yes", "--max", "9")):
        assert redis_cli("queue", *verb, "--profile", "look").code == 5
    assert redis_cli("queue", "ls", "--profile", "look", "-o", "json").json()[0]["waiting"] == 1


def profile(cli: Cli, url: str) -> None:
    """A read-only profile named `look`."""
    folder = cli.cwd / ".config" / "jobctl"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.yaml").write_text(f"profiles:\n  look: {{redis_url: '{url}', read_only: true}}\n")
