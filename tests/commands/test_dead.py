"""`jobctl dead …`, as a user runs it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from typing import Any

import pytest
import redis

from tests.commands import made
from tests.commands.test_queue import profile
from tests.support import PATIENCE_S, Cli, Ran, eventually

HOSTILE = "\x1b]0;title\x07\x1b[31mred [/foo] [bold]x \u202e\r\nsecond line"


def result(ran: Ran) -> tuple[int, int, int, int]:
    found = ran.json()
    return found["matched"], found["changed"], found["skipped"], found["failed"]


def test_ls_of_nothing_is_an_empty_list(redis_cli: Cli) -> None:
    for verb in ("ls", "groups"):
        ran = redis_cli("dead", verb, "-o", "json")
        assert (ran.code, ran.json(), ran.err) == (0, [], "")
        assert "no dead letters" in redis_cli("dead", verb).err


def test_ls_is_latest_first_and_limited(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    first = made.dead(st, 1, queue="email")
    eventually(lambda: st.processes.now_ms() > st.jobs.locate("email", first)[0].record.finished)  # type: ignore[operator]
    last = made.dead(st, 1)
    rows = redis_cli("dead", "ls", "-o", "json").json()
    assert [row["id"] for row in rows] == [*last, *first]
    ran = redis_cli("dead", "ls", "--limit", "1", "-o", "name")
    assert ran.lines() == last


def test_filters_select(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    sent = made.dead(st, 2, job_type="send", queue="email", error="TimeoutError", message="slow", label="order 1")
    made.dead(st, 3, job_type="bad")
    for terms, count in (
        (["job:send"], 2),
        (["queue:default"], 3),
        (["queue:*"], 5),
        (["error~timeout"], 2),
        (["error~/^Value.*boom$/"], 3),
        (["args.n=1"], 2),
        (["args.n=1", "job:send"], 1),
        (["label:order*"], 2),
        (["since:1h"], 5),
        (["until:1h"], 0),
        ([sent[0]], 1),
        ([f"id:{sent[1]}"], 1),
    ):
        assert len(redis_cli("dead", "ls", *terms, "-o", "json").json()) == count, terms
    group = redis_cli("dead", "groups", "job:send", "-o", "json").json()[0]["group"]
    assert len(redis_cli("dead", "ls", f"group:{group[:4]}", "-o", "json").json()) == 2
    plan = redis_cli("dead", "retry", "--group", group[:4], "--dry-run", "-o", "json").json()
    assert plan["matched"] == 2
    assert redis_cli("dead", "ls", "job:send", "queue:nope").code == 4
    assert redis_cli("dead", "ls", "stat:dead").code == 2
    assert redis_cli("dead", "ls", "state:dead").code == 2


def test_groups_sum_up(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 3, message="user 17 is unknown")
    made.dead(st, 1, message="user 18 is unknown")
    made.dead(st, 1, job_type="send", error="TimeoutError")
    rows = redis_cli("dead", "groups", "-o", "json").json()
    assert [(row["count"], row["type"], row["error"]) for row in rows] == [
        (4, "bad", "ValueError"),
        (1, "send", "TimeoutError"),
    ]
    narrowed = redis_cli("dead", "groups", "error~18", "-o", "json").json()
    assert [(row["group"], row["count"]) for row in narrowed] == [(rows[0]["group"], 1)]
    assert len(redis_cli("dead", "ls", "--group", rows[0]["group"], "-o", "json").json()) == 4


def test_hostile_text_reaches_no_terminal(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.dead(made.store(redis_client), 1, error="Evil\x1b[2J", message=HOSTILE, traceback=HOSTILE)
    for args in (("ls",), ("groups",), ("show", *ids), ("retry", "--all", "--dry-run")):
        for output in ("table", "json", "yaml"):
            ran = redis_cli("dead", *args, "-o", output)
            assert ran.code == 0
            assert not set("\x1b\x07\r\u202e") & set(ran.out + ran.err), (args, output)
    assert "[/foo] [bold]x" in redis_cli("dead", "ls").out


def test_show_has_the_attempts_and_the_traceback(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 1, traceback='Traceback\n  File "x.py", line 3, in f\nValueError: boom')
    row = redis_cli("dead", "show", *ids, "-o", "json").json()
    assert (row["id"], row["payload"], row["attempt_count"]) == (ids[0], {"n": 0}, 1)
    assert row["attempts"][0]["outcome"] == "failed"
    assert 'File "x.py", line 3' in redis_cli("dead", "show", *ids).out
    [other] = made.waiting(st, 1)
    assert "waiting, not dead" in redis_cli("dead", "show", other).err
    both = redis_cli("dead", "show", ids[0], "nope", "-o", "json")
    assert (both.code, [r["id"] for r in both.json()]) == (4, ids)


def test_retry_wants_to_know_which(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.dead(st := made.store(redis_client), 2)
    assert redis_cli("dead", "retry").code == 2
    assert redis_cli("dead", "discard", "--yes").code == 2
    assert redis_cli("dead", "retry", "--all", "job:bad").code == 2
    assert redis_cli("dead", "retry", "--all", "--yes", "--max", "1").code == 5
    assert redis_cli("dead", "retry", "--all", "--yes").code == 5
    assert redis_cli("dead", "retry", "--all").code == 5
    assert set(made.states(st, ids)) == {"dead"}


def test_nothing_matched_is_exit_4(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(made.store(redis_client), 1)
    ran = redis_cli("dead", "retry", "job:none", "--yes", "-o", "json")
    assert (ran.code, result(ran)) == (4, (0, 0, 0, 0))
    assert redis_cli("dead", "retry", "nope").code == 4
    ran = redis_cli("dead", "restore", "--all")
    assert (ran.code, "nothing in the trash matched" in ran.err) == (4, True)


def test_show_of_a_group_says_how_to_list_it(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(made.store(redis_client), 2)
    [group] = redis_cli("dead", "groups", "-o", "name").lines()
    ran = redis_cli("dead", "show", group)
    assert (ran.code, f"jobctl dead ls group:{group}" in ran.err) == (0, True)
    assert len(redis_cli("dead", "ls", f"group:{group}", "-o", "name").lines()) == 2


def test_one_letter_is_retried_without_a_question(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 2)
    ran = redis_cli("dead", "retry", ids[0])
    assert (ran.code, ran.out, ran.err) == (0, "", f"job {ids[0]} waits again\n")
    assert made.states(st, ids) == ["waiting", "dead"]
    [entry] = st.audit.recent()
    assert (entry.action, entry.target, entry.changed) == ("dead retry", ids[0], 1)
    assert result(redis_cli("dead", "retry", *ids, "--yes", "--max", "2", "-o", "json")) == (2, 1, 1, 0)


def test_a_dry_run_shows_the_plan_and_changes_nothing(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 3) + made.dead(st, 1, job_type="send")
    ran = redis_cli("dead", "retry", "--all", "--dry-run", "-o", "json")
    plan = ran.json()
    assert (ran.code, plan["matched"], plan["changed"]) == (0, 4, 0)
    assert [(part["type"], part["count"]) for part in plan["parts"]] == [("bad", 3), ("send", 1)]
    assert set(made.states(st, ids)) == {"dead"}


@pytest.mark.parametrize("terms", [["--all"], ["queue:default"], ["job:bad"], ["error~boom"], ["args.n=*", "job:bad"]])
def test_a_bulk_retry_makes_all_wait_again(redis_cli: Cli, redis_client: redis.Redis, terms: list[str]) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 1203)
    terms = ["since:1d"] if "args.n=*" in terms else terms
    ran = redis_cli("dead", "retry", *terms, "--yes", "--max", "2000", "-o", "json")
    assert (ran.code, result(ran)) == (0, (1203, 1203, 0, 0)), ran.err
    assert set(made.states(st, ids[:3] + ids[-3:])) == {"waiting"}
    fetched: list[str] = []
    while reserved := st.settle.fetch("test", ["default"], 500).jobs:  # one fetch may give fewer than it is asked for
        fetched += [r.id for r in reserved]
    assert sorted(fetched) == sorted(ids)
    assert st.dead.groups("default") == []


def test_letters_of_equal_age_are_all_found(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 1203)
    same = dict.fromkeys(ids, 1_000_000)
    redis_client.zadd(st.keys.dead("default"), same)
    redis_client.zadd(st.keys.group("default", st.dead.groups("default")[0].group), same)
    assert sum(len(batch) for batch in st.dead.scan("default")) == 1203
    assert result(redis_cli("dead", "discard", "error~boom", "--yes", "--max", "2000", "-o", "json"))[1] == 1203


def test_discard_and_restore(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 700)
    ran = redis_cli("dead", "discard", "job:bad", "--yes", "--max", "700", "-o", "json")
    assert (ran.code, result(ran)) == (0, (700, 700, 0, 0))
    assert "dead restore" in ran.err
    assert set(made.states(st, ids[:2])) == {"discarded"}
    assert redis_cli("dead", "restore", "until:1h", "--dry-run").code == 4
    back = redis_cli("dead", "restore", "since:1h", "--yes", "--max", "700", "-o", "json")
    assert (back.code, result(back)) == (0, (700, 700, 0, 0))
    [group] = redis_cli("dead", "groups", "-o", "json").json()
    assert (group["count"], group["error"], group["message"]) == (700, "ValueError", "boom")


@pytest.mark.inconsistent  # a body is lost on purpose
def test_rubbish_is_counted_and_stops_nothing(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    good = made.dead(st, 2)
    bad = made.dead(st, 3, error="Quarantined", message="unreadable body")
    lost = made.dead(st, 1, job_type="lost")
    for job_id, body in zip(bad, (b"\xff\x00", b"[" * 100_000, b'{"args": 1}'), strict=True):
        redis_client.hset(st.keys.archive("default"), job_id, body)
    redis_client.hdel(st.keys.archive("default"), *lost)
    rows = redis_cli("dead", "ls", "-o", "json").json()
    assert sorted(row["id"] for row in rows) == sorted(good + bad)
    ran = redis_cli("dead", "retry", "--all", "--yes", "--max", "10", "-o", "json")
    assert (ran.code, result(ran)) == (1, (6, 2, 0, 4))
    assert set(made.states(st, good)) == {"waiting"}
    assert set(made.states(st, bad)) == {"dead"}


def test_ids_that_are_not_utf8_are_handled(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    [known] = made.dead(st, 1)
    odd, group = b"\xff\xfe", st.dead.groups("default")[0].group
    for key in (st.keys.archive("default"), st.keys.records("default")):
        redis_client.hset(key, odd, redis_client.hget(key, known))
    for key in (st.keys.dead("default"), st.keys.group("default", group)):
        redis_client.zadd(key, {odd: 5})
    assert len(redis_cli("dead", "ls", "-o", "json").json()) == 2
    ran = redis_cli("dead", "retry", "error~boom", "--yes", "--max", "2", "-o", "json")
    assert result(ran) == (2, 2, 0, 0)
    assert redis_client.hexists(st.keys.bodies("default"), odd)


def test_two_bulk_retries_at_once_retry_every_letter_once(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 6000)
    args = ("dead", "retry", "--yes", "--max", "6000", "-o", "json")
    both = [redis_cli.start(*args, "--all"), redis_cli.start(*args, "error~boom")]
    outs = [process.communicate(timeout=PATIENCE_S)[0] for process in both]
    done = [Ran(out, "", p.returncode).json() for out, p in zip(outs, both, strict=True) if out]
    assert sum(row["changed"] for row in done) == 6000
    assert sorted(i.decode() for i in redis_client.lrange(st.keys.ready("default"), 0, -1)) == sorted(ids)


def test_ctrl_c_says_what_was_done(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 30_000)
    process = redis_cli.start("dead", "retry", "error~boom", "--yes", "--max", "30000", "-o", "json")
    eventually(lambda: redis_client.llen(st.keys.ready("default")) > 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    changed = Ran(out, err, process.returncode).json()["changed"]
    assert process.returncode == 130
    assert 0 < changed == redis_client.llen(st.keys.ready("default")) < 30_000
    assert f"retried {changed:,} of 30,000" in err
    assert st.audit.recent()[0].changed == changed


def test_a_read_only_profile_looks_only(redis_cli: Cli, redis_client: redis.Redis, redis_url: str) -> None:
    ids = made.dead(st := made.store(redis_client), 1)
    profile(redis_cli, redis_url)
    assert redis_cli("dead", "retry", "--all", "--dry-run", "--profile", "look").code == 0
    for verb in ("retry", "discard", "restore"):
        assert redis_cli("dead", verb, "--all", "--yes", "--max", "9", "--profile", "look").code == 5
    assert made.states(st, ids) == ["dead"]


def on_terminal(cli: Cli, *args: str, answer: str) -> tuple[int, str]:
    """Run a command whose stdin and stderr are a terminal, type `answer`; returns its code and what it showed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    done: Any = subprocess.run(
        cli.command(*args), cwd=cli.cwd, env=cli.env, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, timeout=60
    )
    shown = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    return done.returncode, shown


def test_a_person_is_asked(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 3) + made.dead(st, 3, job_type="send")
    code, shown = on_terminal(redis_cli, "dead", "retry", "job:bad", answer="n\n")
    assert (code, "Retry 3 dead letters? [y/N]" in shown, "ValueError" in shown) == (5, True, True)
    assert set(made.states(st, ids)) == {"dead"}
    code, shown = on_terminal(redis_cli, "dead", "retry", "job:bad", answer="y\n")
    assert (code, "retried 3 dead letters" in shown) == (0, True)
    code, _ = on_terminal(redis_cli, "dead", "discard", "--all", answer="y\n")
    assert code == 5
    code, shown = on_terminal(redis_cli, "dead", "discard", "--all", answer="default\n")
    assert (code, "discarded 3 dead letters" in shown) == (0, True)
