"""`job show` of a job that does not run says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import redis

from jobctl import clock
from jobctl.store import Store
from jobctl.store.nouns.processes import ChildInfo, Hanging, ProcessInfo
from tests.commands import made
from tests.support import Cli, eventually


@pytest.fixture
def st(redis_client: redis.Redis) -> Store:
    """A namespace with a queue that somebody serves, and its limits."""
    st = made.store(redis_client)
    st.processes.beat(
        ProcessInfo(
            name="h:1:x", kind="worker", host="h", pid=1, queues=("default",), processes=1, threads=1, started_ms=1
        )
    )
    st.limits.define("default", {"r:ok": "1 60000 1 smooth", "c:ok": "1", "R": "2 86400000 1 fixed"})
    return st


def held(cli: Cli, job_id: str) -> list[dict[str, Any]]:
    """What holds a job, without what is not known."""
    rows = cli("job", "show", job_id, "-o", "json").json()["held"]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_a_running_job_that_nothing_interrupts_is_late(redis_cli: Cli, st: Store) -> None:
    [job_id] = made.waiting(st, 1)
    made.begin(st, st.settle.fetch("test", ["default"], 1).jobs)
    assert redis_cli("job", "show", job_id, "-o", "json").json()["overdue_since"] is None
    since = st.processes.now_ms() + 60_000
    late = (Hanging("default", job_id, since), Hanging("other", job_id, 1))
    child = ChildInfo(name="h:1:x:1", pid=2, running=1, memory_mb=1.0, hanging=1, hanging_jobs=late)
    st.processes.beat(
        ProcessInfo(
            name="h:1:x",
            kind="worker",
            host="h",
            pid=1,
            queues=("default",),
            processes=1,
            threads=1,
            started_ms=1,
            children=(child,),
        )
    )
    told = redis_cli("job", "show", job_id, "-o", "json").json()["overdue_since"]
    assert clock.to_ms(datetime.fromisoformat(told)) == since
    shown = redis_cli("job", "show", job_id, "--time", "iso").out
    assert f"late     past its time limit since {told[:19]}" in shown
    assert "restart its worker" in shown


def test_nothing_holds_a_job_that_is_next(redis_cli: Cli, st: Store) -> None:
    [job_id] = made.waiting(st, 1)
    assert held(redis_cli, job_id) == []
    assert "held" not in redis_cli("job", "show", job_id).out


def test_a_queue_that_nobody_serves(redis_cli: Cli, st: Store) -> None:
    [job_id] = made.waiting(st, 1, queue="other")
    assert held(redis_cli, job_id) == [{"kind": "worker", "name": "queue:other"}]
    assert "no worker takes jobs of queue other" in redis_cli("job", "show", job_id).out


def test_every_pause_is_named_with_its_end_and_reason(redis_cli: Cli, st: Store) -> None:
    [job_id] = made.waiting(st, 1)
    assert redis_cli("queue", "pause", "default", "--type", "ok", "--for", "1h", "--reason", "why\x1b[2J").code == 0
    assert redis_cli("queue", "pause", "--all").code == 0
    rows = held(redis_cli, job_id)
    assert [row["name"] for row in rows] == ["everything", "queue:default", "type:ok"]
    assert {row["kind"] for row in rows} == {"pause"}
    assert "until" not in rows[0]
    assert rows[1]["until"].endswith("Z")
    card = redis_cli("job", "show", job_id).out
    assert re.search(r"queue default is paused until (\d\d-\d\d )?\d\d:\d\d:\d\d: why", card)
    assert "job type ok is paused until" in card
    assert "\x1b" not in card


def test_a_rate_and_when_its_turn_may_come(redis_cli: Cli, st: Store) -> None:
    ids = made.waiting(st, 4, lane="r:ok|acme")
    [started] = st.settle.fetch("test", ["default"], 9).jobs
    [row] = held(redis_cli, ids[3])
    turn = clock.to_ms(datetime.fromisoformat(row.pop("until")))
    assert row == {"kind": "rate", "name": "ok", "key": "acme", "allows": "1/m", "ahead": 2}
    assert started.id == ids[0]
    assert 170_000 < turn - clock.now_ms() <= 180_000
    card = redis_cli("job", "show", ids[3]).out
    assert "the rate limit of ok, 1/m for key acme; 2 ahead of it; may start in 2m" in card


def test_a_limit_of_the_queue_in_periods(redis_cli: Cli, st: Store) -> None:
    ids = made.waiting(st, 7, lane="R")
    st.settle.fetch("test", ["default"], 9)
    rows = [held(redis_cli, job_id)[0] for job_id in ids[2:]]
    first, *_ = turns = [clock.to_ms(datetime.fromisoformat(row["until"])) for row in rows]
    assert [turn - first for turn in turns] == [0, 0, 86_400_000, 86_400_000, 172_800_000]
    assert {(row["name"], row["allows"]) for row in rows} == {("queue:default", "2/d")}


def test_a_concurrency_says_who_is_before_it(redis_cli: Cli, st: Store) -> None:
    ids = made.waiting(st, 3, lane="c:ok")
    st.settle.fetch("test", ["default"], 9)
    assert held(redis_cli, ids[2]) == [{"kind": "concurrency", "name": "ok", "allows": "1", "ahead": 1}]
    assert "the concurrency limit of ok, 1 at once; 1 ahead of it" in redis_cli("job", "show", ids[2]).out


def test_one_whose_turn_it_is_waits_for_a_worker(redis_cli: Cli, st: Store) -> None:
    [job_id] = made.waiting(st, 1, lane="c:ok")
    assert held(redis_cli, job_id) == [{"kind": "turn", "name": "queue:default", "ahead": 0}]


def test_what_was_set_by_hand_is_what_holds(redis_cli: Cli, st: Store) -> None:
    ids = made.waiting(st, 3, lane="r:ok")
    assert redis_cli("limit", "set", "ok", "--rate", "1/h").code == 0
    st.settle.fetch("test", ["default"], 9)
    assert held(redis_cli, ids[1])[0]["allows"] == "1/h"


def test_a_worker_parks_jobs_of_a_paused_type_and_the_pause_is_the_reason(
    lab: Cli, worker: Callable[[], None], store: Store
) -> None:
    job_id = lab("enqueue", "greet", "name=Ada").out.strip()
    assert lab("queue", "pause", "--type", "greet").code == 0
    worker()
    eventually(lambda: store.jobs.find(job_id).state == "limited")  # type: ignore[union-attr]
    assert [row["name"] for row in held(lab, job_id) if row["kind"] == "pause"] == ["type:greet"]
    assert {row["kind"] for row in held(lab, job_id)} == {"pause", "worker"}


def test_a_key_made_of_what_is_to_be_hidden_is_hidden(lab: Cli, store: Store) -> None:
    path = lab.cwd / "jobs.yaml"
    rule = '\n    redact: [name]\n    rate_limit: {rate: 1/h, key: "{{ name }}"}\n    label: "for {{ name }}"'
    path.write_text(path.read_text().replace('\n    label: "for {{ name }}"', rule, 1))
    store.limits.define("default", {"r:greet": "1 3600000 1 smooth"})
    ids = [lab("enqueue", "greet", "name=Lovelace").out.strip() for _ in (1, 2)]
    assert len(store.settle.fetch("test", ["default"], 9).jobs) == 1
    shown = lab("job", "show", ids[1], "-o", "json")
    assert "for key" in lab("job", "show", ids[1]).out
    assert "Lovelace" not in shown.out
