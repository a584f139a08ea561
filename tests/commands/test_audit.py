"""`jobctl audit`: who changed what, as a user reads it."""

from __future__ import annotations

import json
import signal

import pytest
import redis

from tests.commands import made
from tests.support import PATIENCE_S, Cli


def test_a_change_is_told_with_its_command_counts_reason_and_jobs(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.dead(st := made.store(redis_client), 3)
    typed = ("dead", "retry", "job:bad", "args.n=*", "--yes", "--max", "9", "--reason", "smtp is back")
    assert redis_cli(*typed).code == 0
    assert redis_cli("queue", "pause", "default", "--reason", "deploy").code == 0
    assert redis_cli("queue", "resume", "default", "--reason", "deployed").code == 0
    first, second, third = redis_cli("audit", "-o", "json").json()
    assert first["command"] == "jobctl dead retry job:bad 'args.n=*' --yes --max 9 --reason 'smtp is back'"
    told = ("action", "target", "matched", "changed", "failed", "outcome", "reason")
    assert [first[name] for name in told] == ["dead retry", "job:bad args.n=*", 3, 3, 0, "done", "smtp is back"]
    assert sorted(first["jobs"]) == sorted(f"default {job_id}" for job_id in ids)
    assert "@" in first["who"]
    assert [row["action"] for row in (second, third)] == ["queue pause", "queue resume"]
    assert [row["reason"] for row in (second, third)] == ["deploy", "deployed"]
    [touch] = redis_cli("job", "show", ids[0], "-o", "json").json()["touched"]
    assert (touch["action"], touch["reason"], touch["who"]) == ("dead retry", "smtp is back", first["who"])
    assert "changed by hand" in redis_cli("job", "show", ids[0]).out
    other = made.waiting(st, 1)[0]
    assert redis_cli("job", "show", other, "-o", "json").json()["touched"] == []


def test_changes_are_filtered(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.waiting(made.store(redis_client), 2)
    for job_id in ids:
        assert redis_cli("job", "cancel", job_id).code == 0
    assert redis_cli("queue", "pause", "default").code == 0

    def actions(*args: str) -> list[str]:
        return [row["action"] for row in redis_cli("audit", *args, "-o", "json").json()]

    assert actions("since:1h") == ["job cancel", "job cancel", "queue pause"]
    assert actions("until:1h") == []
    assert actions(f"id:{ids[0]}") == ["job cancel"]
    assert actions("queue:default", "--action", "queue *") == ["queue pause"]
    assert actions("-n", "1") == ["queue pause"]
    assert actions("--who", "nobody@*") == []
    refused = redis_cli("audit", "error~x")
    assert (refused.code, "since: until: queue: id:" in refused.err) == (2, True)
    nothing = redis_cli("audit", "until:1h")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no changes match\n")


def test_changes_are_followed_and_a_broken_entry_is_passed_over(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    st.audit.add("before", "x", 1)
    st.client.xadd(st.keys.audit(), {"e": b"{rubbish"})
    process = redis_cli.start("audit", "-f", "-o", "jsonl")
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["action"] == "before"
        st.audit.add("after", "x", 1)
        assert json.loads(process.stdout.readline())["action"] == "after"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        process.communicate()


def test_what_others_wrote_reaches_no_terminal_as_it_is(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.store(redis_client).audit.add("job\x1b[31m", "\x1b]0;t\x07\u202e", 1, "\r\n")
    assert not set("\x1b\x07\u202e\r") & set(redis_cli("audit").out)


@pytest.mark.parametrize("also", [[], ["--unredacted"]])
def test_the_command_does_not_tell_what_it_was_shown(
    redis_cli: Cli, redis_client: redis.Redis, also: list[str]
) -> None:
    made.waiting(made.store(redis_client), 1, redact=("n",))
    redis_cli("job", "cancel", "args.n=0", "--yes", "--max", "1", *also)
    commands = [row["command"] for row in redis_cli("audit", "-o", "json").json()]
    assert bool(commands) is bool(also)
    assert all("args.n=…" in command for command in commands)


def test_a_bot_is_named_beside_who_runs_it(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(made.store(redis_client), 2)
    assert redis_cli("dead", "retry", "--all", "-y", "--max", "2", "--as", "deploy-bot").code == 0
    [row] = redis_cli("audit", "--who", "deploy-bot *", "-o", "json").json()
    assert row["who"].startswith("deploy-bot (")
    assert "@" in row["who"]
    assert redis_cli("op", "ls", "-o", "json").json()[0]["who"] == row["who"]
    refused = redis_cli("audit", "--as", "a\x1b[31mb")
    assert (refused.code, "--as takes a name" in refused.err, "\x1b" in refused.err) == (2, True, False)


def test_a_profile_can_require_a_reason(redis_cli: Cli, redis_client: redis.Redis) -> None:
    ids = made.dead(st := made.store(redis_client), 2)
    folder = redis_cli.cwd / "config" / "jobctl"
    folder.mkdir(parents=True)
    folder.joinpath("profiles.yaml").write_text("profiles: {live: {require_reason: true}}\n")
    redis_cli.env["XDG_CONFIG_HOME"] = str(redis_cli.cwd / "config")
    retry = ("dead", "retry", "--all", "-y", "--max", "2", "--profile", "live")
    for command in (retry, ("queue", "pause", "default", "--profile", "live"), (*retry, "--reason", " ")):
        refused = redis_cli(*command)
        assert (refused.code, "profile live needs a reason for this; give it with --reason" in refused.err) == (5, True)
    assert made.states(st, ids) == ["dead", "dead"]
    assert redis_cli(*retry, "--dry-run").code == 0
    assert redis_cli("dead", "ls", "--profile", "live").code == 0
    assert redis_cli(*retry, "--reason", "vendor is back").code == 0
