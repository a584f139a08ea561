"""Builds tests/data/layout_1.json: a namespace as jobctl at 7dfb4a3 leaves it, with work under way in every state.

    git worktree add /tmp/old 7dfb4a3
    cd /tmp && PYTHONPATH=/tmp/old python REPOSITORY/tests/data/build_layout_1.py REPOSITORY/tests/data/layout_1.json

Everything is made by the programs of that version; a worker is killed in the middle of its jobs at the end.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobctl.engine.embedded import EmbeddedServer  # type: ignore[import-not-found]  # of 7dfb4a3
from jobctl.store.connection import connect  # type: ignore[import-not-found]

CATALOG = """\
version: 1
namespace: old
defaults: {retries: {max: 0}}
jobs:
  ok: {python: "work:ok", label: "n {{ n }}"}
  bad: {python: "work:bad"}
  worse: {python: "work:worse"}
  flaky: {python: "work:bad", retries: {max: 3, delays: [1h]}}
  second: {python: "work:second", retries: {max: 1, delays: [10ms]}}
  slow: {python: "work:slow", queue: slow}
  single: {python: "work:slow", queue: narrow, concurrency: 1}
  keyed: {python: "work:ok", unique: {key: "{{ n }}"}, queue: later}
  noisy: {command: [sh, -c, "echo one; echo two"]}
  spare: {python: "work:ok", queue: spare}
  idle: {python: "work:ok", queue: idle}
schedules:
  daily: {job: ok, cron: "0 9 * * *", payload: {n: 9}}
"""
TASKS = """\
import time

def ok(n=0, **more):
    return {"n": n, "text": "x" * 300}

def bad(n=0):
    raise ValueError(f"order {n} cannot be charged: " + "detail " * 200)

def worse(n=0):
    raise KeyError(n)

ran = set()

def second(n=0):
    if n not in ran:
        ran.add(n)
        raise OSError("not yet")
    return "at last"

def slow(n=0):
    time.sleep(600)
"""


def until(probe: Callable[[], object]) -> None:
    for _ in range(600):
        if probe():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder, "state"), durable=False) as server:
        place = Path(folder)
        (place / "jobs.yaml").write_text(CATALOG)
        (place / "work.py").write_text(TASKS)
        env = {**os.environ, "JOBCTL_REDIS_URL": server.url}
        client = connect(server.url)

        def run(*args: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "jobctl", *args], cwd=place, env=env, capture_output=True, check=True, text=True
            )
            return done.stdout.strip()

        fill(run, client)
        worker = subprocess.Popen(
            [sys.executable, "-m", "jobctl", "worker", "--processes", "1", "--threads", "4"],
            cwd=place, env=env, start_new_session=True,
        )  # fmt: skip
        until(lambda: client.zcard("old:@dead:default") >= 6 and client.zcard("old:@retrying:default") == 2)
        until(lambda: client.zcard("old:@completed:default") >= 6)
        until(lambda: client.hlen("old:@running:slow") and client.hlen("old:@running:narrow"))
        until(lambda: client.zcard("old:@limited:narrow") == 2)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        until(lambda: not client.zcount("old:@beats", time.time() * 1000 - 20_000, "+inf"))
        disturb(run, client)
        data = {"built_ms": round(time.time() * 1000), "keys": dict(sorted(dump(client).items()))}
        Path(sys.argv[1]).write_text(json.dumps(data, indent=0) + "\n")


def fill(run: Callable[..., str], client: Any) -> None:
    for n in range(3):
        run("enqueue", "ok", f"n:={n}")
        run("enqueue", "bad", f"n:={n}")
        run("enqueue", "flaky", f"n:={n}") if n < 2 else None
        run("enqueue", "single", f"n:={n}")
    for n in range(3, 6):
        run("enqueue", "worse", f"n:={n}")
    run("enqueue", "ok", "n:=7", "--id", "order-7")
    run("enqueue", "second", "n:=1")
    run("enqueue", "noisy")
    run("enqueue", "slow", "n:=1")


def disturb(run: Callable[..., str], client: Any) -> None:
    """What people did, and what was enqueued since the workers are gone."""
    first = run("dead", "ls", "job:worse", "-o", "name").split()[0]
    run("dead", "discard", f"id:{first}", "--yes", "--max", "1")
    run("job", "cancel", run("enqueue", "keyed", "n:=1"))
    run("enqueue", "keyed", "n:=2")
    run("enqueue", "keyed", "n:=3", "--delay", "2h")
    run("enqueue", "keyed", "n:=4", "--priority", "high")
    run("enqueue", "keyed", "n:=5", "--id", "order-8", "--expires", "20h")
    run("enqueue", "spare", "n:=1")
    run("enqueue", "spare", "n:=2", "--delay", "3h")
    run("queue", "empty", "spare", "--yes", "--max", "2")
    run("enqueue", "spare", "n:=3")
    run("queue", "pause", "idle", "--reason", "vacation")
    run("enqueue", "idle", "n:=1")
    run("job", "rm", run("job", "ls", "state:completed", "job:noisy", "-o", "name"))
    run("enqueue", "noisy")
    client.hset("old:@cursors", "daily", 1)
    stock(client)


def stock(client: Any) -> None:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(client=client, namespace="old", middleware=[])

    @dramatiq.actor(broker=broker, actor_name="ok", queue_name="default")
    def ok(n: int = 0) -> None: ...

    ok.send(n=20)
    ok.send_with_options(kwargs={"n": 21}, delay=1_000)
    message = ok.message(n=22)
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: stock\n'
    options = {"redis_message_id": message.message_id, "retries": 3, "traceback": trace}
    letter = message.copy(options=options)
    client.hset("old:default.XQ.msgs", message.message_id, letter.encode())
    client.zadd("old:default.XQ", {message.message_id: round(time.time() * 1000)})


def dump(client: Any) -> dict[str, Any]:
    """Each key's type and content; bytes as base64."""
    out = {}
    for raw in client.scan_iter("*", count=1000):
        kind, key = client.type(raw).decode(), raw.decode()
        if client.pttl(raw) >= 0 or key.startswith("old:@wake"):
            continue
        read = {
            "string": lambda k: text(client.get(k)),
            "list": lambda k: [text(v) for v in client.lrange(k, 0, -1)],
            "set": lambda k: sorted(text(v) for v in client.smembers(k)),
            "hash": lambda k: {text(f): text(v) for f, v in sorted(client.hgetall(k).items())},
            "zset": lambda k: [[text(m), s] for m, s in client.zrange(k, 0, -1, withscores=True)],
            "stream": lambda k: [[i.decode(), {text(f): text(v) for f, v in e.items()}] for i, e in client.xrange(k)],
        }
        out[key] = [kind, read[kind](raw)]
    return out


def text(value: bytes) -> str:
    """Text stays readable; other bytes are told by their prefix."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(value).decode()}"


if __name__ == "__main__":
    main()
