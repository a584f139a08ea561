"""`jobctl limit …`, as a user runs it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
import redis

from jobctl import flow
from jobctl.catalog.load import load
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from tests.commands.test_queue import profile
from tests.support import PATIENCE_S, Cli, eventually

CATALOG = """\
version: 1
namespace: lab
queues: {mail: {rate_limit: 100/m, concurrency: 20}}
jobs:
  send: {python: "tests.commands.work_tasks:greet", queue: mail, rate_limit: {rate: 10/5m, burst: 3}}
  call: {python: "tests.commands.work_tasks:greet", rate_limit: {rate: 5/h, key: "{{ tenant }}"}, concurrency: 2}
  slide: {python: "tests.commands.work_tasks:greet", rate_limit: {rate: 5/m, window: sliding}}
  slow: {python: "tests.commands.work_tasks:greet", rate_limit: 1/10m}
  free: {python: "tests.commands.work_tasks:greet"}
"""


@pytest.fixture
def lab(redis_cli: Cli) -> Cli:
    (redis_cli.cwd / "jobs.yaml").write_text(CATALOG)
    return redis_cli


@pytest.fixture
def store(lab: Cli, redis_client: redis.Redis) -> Store:
    return Store(redis_client, "lab")


def define(lab: Cli, store: Store) -> None:
    """What a worker does at its start."""
    catalog = load(lab.cwd / "jobs.yaml")
    for queue in ("default", "mail"):
        store.queues.register([queue])
        store.limits.define(queue, flow.specs(catalog, queue))


def enqueue(store: Store, job_type: str, lanes: list[str], queue: str = "default") -> list[str]:
    ids = store.mint.many(queue, len(lanes))
    store.jobs.enqueue(
        [
            NewJob(id=i, type=job_type, queue=queue, payload={"name": "x"}, lane=lane)
            for i, lane in zip(ids, lanes, strict=True)
        ]
    )
    return ids


def start(store: Store, want: int = 10, queue: str = "default") -> list[str]:
    """Reserve what may start now."""
    return [job.id for job in store.settle.fetch("test", [queue], want).jobs]


def rows(lab: Cli, *names: str) -> dict[tuple[str, str], dict[str, Any]]:
    ran = lab("limit", "ls", *names, "-o", "json")
    assert ran.code == 0, ran.err
    return {(row["name"], row["kind"]): row for row in ran.json()}


def test_the_view_says_what_else_holds_the_jobs(lab: Cli) -> None:
    assert lab("queue", "pause", "mail", "--type", "call", "--reason", "deploy").code == 0
    told = lab("limit", "ls").err
    assert ("queue mail is paused" in told, "job type call is paused" in told) == (True, True)
    told = lab("limit", "ls", "slide", "send").err
    assert ("queue mail is paused" in told, "job type" in told) == (True, False)
    assert lab("limit", "ls", "-o", "json").err == ""


def test_limits_of_the_catalog_are_shown_before_any_worker_ran(lab: Cli) -> None:
    found = rows(lab)
    assert set(found) == {
        ("queue:mail", "rate"), ("queue:mail", "concurrency"), ("send", "rate"),
        ("call", "rate"), ("call", "concurrency"), ("slide", "rate"), ("slow", "rate"),
    }  # fmt: skip
    assert found["send", "rate"] == {
        "name": "send", "queue": "mail", "type": "send", "kind": "rate", "rate": "10/5m", "burst": 3,
        "window": "smooth", "concurrency": None, "key": None, "used": 0, "waiting": 0, "next_at": None, "keys": 0,
        "worst": [], "catalog": "10/5m", "set_by": None, "set_until": None,
    }  # fmt: skip
    assert (found["queue:mail", "concurrency"]["concurrency"], found["queue:mail", "concurrency"]["type"]) == (20, None)
    assert (found["call", "rate"]["key"], found["call", "rate"]["used"]) == ("{{ tenant }}", None)


def test_without_limits_there_is_an_empty_list(redis_cli: Cli) -> None:
    assert redis_cli("limit", "ls", "-o", "json").json() == []
    ran = redis_cli("limit", "ls")
    assert (ran.code, ran.out, ran.err.count("\n")) == (0, "", 1)


def test_what_is_used_and_who_waits_and_when_the_next_may_start(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "send", ["r:send\nC"] * 5, "mail")
    assert len(start(store, queue="mail")) == 3
    found = rows(lab, "send", "queue:mail")
    assert (found["send", "rate"]["used"], found["send", "rate"]["waiting"]) == (3, 2)
    assert found["send", "rate"]["next_at"].endswith("Z")
    assert (found["queue:mail", "concurrency"]["used"], found["queue:mail", "concurrency"]["waiting"]) == (3, 2)


def test_keys_are_counted_and_the_ten_worst_named_however_hostile(lab: Cli, store: Store) -> None:
    define(lab, store)
    worst = "\x1b[31m[/nope]"
    lanes = [f"r:call|{worst}"] * 4 + [f"r:call|t{n}" for n in range(12) for _ in (1, 2)]
    enqueue(store, "call", lanes)
    assert len(start(store, 100)) == 13
    row = rows(lab)["call", "rate"]
    assert (row["waiting"], row["keys"], len(row["worst"])) == (15, 13, 10)
    assert (row["worst"][0]["key"], row["worst"][0]["waiting"], row["worst"][0]["used"]) == (worst, 3, 1)
    assert row["worst"][0]["next_at"].endswith("Z")
    assert "t11" not in lab("limit", "ls").out
    for args in (("--keys",), ("call",)):
        shown = lab("limit", "ls", *args).out
        head, _, keys = shown.partition("\n\n")
        assert "call" in head
        assert keys.splitlines()[0].split() == ["LIMIT", "KIND", "KEY", "WAITING", "USED", "NEXT"]
        assert "[/nope]" in keys
        assert "\x1b" not in shown


def test_watch_repeats_until_ctrl_c(lab: Cli, store: Store) -> None:
    define(lab, store)
    process = lab.start("limit", "ls", "slow", "--watch", "-o", "jsonl")
    out = process.stdout
    assert out is not None
    assert json.loads(out.readline())["waiting"] == 0
    enqueue(store, "slow", ["r:slow"])
    eventually(lambda: json.loads(out.readline())["waiting"] == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    process.communicate()


# set


def test_a_limit_that_is_set_is_followed_at_once_and_told(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "slow", ["r:slow"] * 4)
    assert len(start(store)) == 1
    ran = lab("limit", "set", "slow", "--rate", "100/s", "--for", "1h", "-o", "json")
    row = ran.json()
    assert (row["rate"], row["catalog"], row["set_by"] is not None) == ("100/s", "1/10m", True)
    assert row["set_until"].endswith("Z")
    assert "slow allows 100/s until" in ran.err
    for _ in range(2):  # one at a time: on a slow machine all may start at once
        eventually(lambda: start(store, 1))
    line = lab("limit", "ls", "slow").lines()[1]
    assert "100/s" in line
    assert "catalog 1/10m" in line


def test_an_end_that_nobody_announces_is_noticed_by_a_worker_that_waits(lab: Cli, store: Store) -> None:
    define(lab, store)
    assert lab("limit", "set", "send", "--rate", "1/d", "--burst", "1", "--for", "5s").code == 0
    enqueue(store, "send", ["r:send"] * 2, "mail")
    assert len(start(store, queue="mail")) == 1
    assert eventually(lambda: start(store, queue="mail"))


def test_when_its_time_is_over_the_catalogs_counts_again(lab: Cli, store: Store) -> None:
    define(lab, store)
    assert lab("limit", "set", "slow", "--rate", "1/d", "--for", "2s").code == 0
    assert lab("limit", "set", "call", "--concurrency", "9", "--for", "1s").code == 0
    enqueue(store, "slow", ["r:slow"])
    assert len(start(store)) == 1
    eventually(lambda: rows(lab)["slow", "rate"]["set_by"] is None)
    row = rows(lab)["slow", "rate"]
    assert (row["rate"], row["used"]) == ("1/10m", 1)
    assert rows(lab)["call", "concurrency"]["concurrency"] == 2


def test_a_lower_rate_holds_from_now_on(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "send", ["r:send"] * 5, "mail")
    assert lab("limit", "set", "send", "--rate", "1/h", "--burst", "1").code == 0
    assert len(start(store, queue="mail")) == 1
    assert start(store, queue="mail") == []


def test_a_concurrency_is_raised_and_lowered_live(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "call", ["c:call"] * 9)
    assert len(start(store)) == 2
    assert lab("limit", "set", "call", "--concurrency", "5").code == 0
    assert len(start(store)) == 3
    assert lab("limit", "set", "call", "--concurrency", "1").code == 0
    assert start(store) == []
    row = rows(lab)["call", "concurrency"]
    assert (row["concurrency"], row["used"], row["waiting"], row["catalog"]) == (1, 5, 4, "2")


def test_the_burst_and_window_of_the_catalog_stay_unless_given(lab: Cli) -> None:
    lab("limit", "set", "send", "--rate", "7/s", "--burst", "9")
    assert rows(lab)["send", "rate"]["burst"] == 9
    lab("limit", "set", "send", "--rate", "8/s")
    assert (rows(lab)["send", "rate"]["rate"], rows(lab)["send", "rate"]["burst"]) == ("8/s", 3)
    lab("limit", "set", "slide", "--rate", "8/s")
    assert rows(lab)["slide", "rate"]["window"] == "sliding"


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (("free", "--rate", "5/s"), 4, "free has no limit in the catalog"),
        (("sned", "--rate", "5/s"), 4, "did you mean send?"),
        (("mail", "--rate", "5/s"), 4, "did you mean queue:mail?"),
        (("send", "--concurrency", "5"), 4, "send has no concurrency limit in the catalog"),
        (("send",), 2, "pass exactly one of --rate and --concurrency"),
        (("send", "--rate", "5/s", "--concurrency", "5"), 2, "pass exactly one of --rate and --concurrency"),
        (("send", "--rate", "0/m"), 2, "above zero"),
        (("send", "--rate", "lots"), 2, "expected a rate"),
        (("send", "--rate", "5/s", "--for", "0s"), 2, "above zero"),
        (("send", "--rate", "5/s", "--until", "2001-01-01"), 2, "in the past"),
        (("call", "--concurrency", "0"), 2, "0"),
        (("call", "--concurrency", "2", "--burst", "2"), 2, "--burst needs --rate"),
        (("slide", "--rate", "5/s", "--burst", "2"), 2, "sliding"),
    ],
)
def test_what_cannot_be_set_is_said_in_one_line(lab: Cli, args: tuple[str, ...], code: int, word: str) -> None:
    ran = lab("limit", "set", *args)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1), ran.err
    assert word in ran.err
    assert all(row["set_by"] is None for row in rows(lab).values())


def test_a_read_only_profile_sets_and_resets_nothing(lab: Cli, redis_url: str) -> None:
    profile(lab, redis_url)
    assert lab("limit", "set", "slow", "--rate", "1/s", "--profile", "look").code == 5
    assert lab("limit", "reset", "slow", "--profile", "look").code == 5
    assert rows(lab)["slow", "rate"]["set_by"] is None


# reset


def test_a_reset_forgets_what_was_set_and_what_is_used(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "slow", ["r:slow"] * 3)
    assert len(start(store)) == 1
    lab("limit", "set", "slow", "--rate", "1/d")
    ran = lab("limit", "reset", "slow")
    assert (ran.code, "it allows 1/10m" in ran.err) == (0, True)
    row = rows(lab)["slow", "rate"]
    assert (row["rate"], row["set_by"], row["used"]) == ("1/10m", None, 0)
    assert len(start(store)) == 1
    found = [(entry.action, entry.target, entry.detail) for entry in store.audit.recent()]
    assert found == [("limit reset", "limit:slow", ""), ("limit set", "limit:slow", "1/d")]


def test_one_key_is_reset_and_the_others_stay(lab: Cli, store: Store) -> None:
    define(lab, store)
    enqueue(store, "call", ["r:call|a", "r:call|a", "r:call|b", "r:call|b"])
    assert len(start(store)) == 2
    assert lab("limit", "reset", "call", "--key", "a").code == 0
    assert {key["key"]: key["used"] for key in rows(lab)["call", "rate"]["worst"]} == {"a": 0, "b": 1}
    assert len(start(store)) == 1
    assert "nothing to reset" in lab("limit", "reset", "call", "--key", "nobody").err


def test_an_unknown_limit_is_exit_4(lab: Cli) -> None:
    for verb in ("ls", "reset"):
        ran = lab("limit", verb, "sned")
        assert (ran.code, ran.out, "did you mean send?" in ran.err) == (4, "", True)


# without the catalog that defined them


def test_another_folder_sees_and_sets_what_workers_defined(lab: Cli, store: Store) -> None:
    define(lab, store)
    (lab.cwd / "jobs.yaml").unlink()
    ran = lab("limit", "set", "slow", "--rate", "1/s", "--namespace", "lab")
    assert ran.code == 0, ran.err
    found = {row["name"]: row for row in lab("limit", "ls", "--namespace", "lab", "-o", "json").json()}
    assert (found["slow"]["rate"], found["slow"]["catalog"]) == ("1/s", "1/10m")


def test_a_limit_that_left_the_catalog_is_shown_only_while_jobs_wait_for_it(lab: Cli, store: Store) -> None:
    define(lab, store)
    path = lab.cwd / "jobs.yaml"
    path.write_text(path.read_text().replace(", rate_limit: 1/10m", ""))
    assert ("slow", "rate") not in rows(lab)
    assert lab("limit", "set", "slow", "--rate", "1/s").code == 4
    enqueue(store, "slow", ["r:slow"])
    assert rows(lab)["slow", "rate"]["waiting"] == 1


def test_names_are_completed(lab: Cli) -> None:
    offer = {"_JOBCTL_COMPLETE": "complete_bash", "COMP_WORDS": "jobctl limit set s", "COMP_CWORD": "3"}
    assert lab(env=offer).out.split() == ["send", "slide", "slow"]


# with a real worker


@pytest.mark.parametrize("job_type", ["slow", "call"])
def test_an_idle_worker_follows_a_limit_that_is_raised(
    lab: Cli, store: Store, worker: Callable[[], None], job_type: str
) -> None:
    path = lab.cwd / "jobs.yaml"
    path.write_text(path.read_text().replace('key: "{{ tenant }}"', 'key: "{{ name }}"'))
    ids = [lab("enqueue", job_type, "name=x").out.strip() for _ in range(4)]
    worker()
    done = lambda: sum(job.state == "completed" for job in store.jobs.locate("default", ids))  # noqa: E731
    eventually(lambda: done() == 1)
    assert rows(lab)[job_type, "rate"]["waiting"] == 3
    assert lab("limit", "set", job_type, "--rate", "100/s").code == 0
    eventually(lambda: done() == 4)


def test_as_names_each_limit_stands_once(lab: Cli, store: Store) -> None:
    define(lab, store)
    names = lab("limit", "ls", "-o", "name").out.split()
    assert len(names) == len(set(names)) < len(rows(lab))
