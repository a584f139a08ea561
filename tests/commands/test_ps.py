"""`jobctl ps`, as a user runs it."""

from __future__ import annotations

import redis

from jobctl import clock
from jobctl.store.nouns.processes import ProcessInfo
from tests.commands import made
from tests.support import Cli


def test_nobody_is_an_empty_list(redis_cli: Cli) -> None:
    ran = redis_cli("ps", "-o", "json")
    assert (ran.code, ran.json()) == (0, [])
    assert "no worker" in redis_cli("ps").err


def test_live_processes_are_shown_and_lost_ones_are_not(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    for name, kind in (("web:7:a", "scheduler"), ("web:8:b", "worker"), ("web:9:c", "worker")):
        queues = ("default", "email") if kind == "worker" else ()
        info = ProcessInfo(
            name=name,
            kind=kind,
            host="web",
            pid=int(name[4]),
            queues=queues,
            processes=2,
            threads=4 if kind == "worker" else 0,
            started_ms=clock.now_ms(),
            memory_mb=81.25,
            running=3,
        )
        st.processes.beat(info)
    redis_client.zadd(st.keys.beats(), {"web:9:c": st.processes.now_ms() - 60_000})
    redis_client.hset(st.keys.processes(), "rubbish", b"\xff")
    redis_client.zadd(st.keys.beats(), {"rubbish": st.processes.now_ms()})
    rows = redis_cli("ps", "-o", "json").json()
    assert [(row["name"], row["kind"], row["running"]) for row in rows] == [
        ("web:8:b", "worker", 3),
        ("web:7:a", "scheduler", 3),
    ]
    shown = redis_cli("ps").out
    assert "default, email" in shown
    assert "3 of 8" in shown
    assert "of 0" not in shown
    assert redis_cli("ps", "-o", "name").lines() == ["web:8:b", "web:7:a"]
