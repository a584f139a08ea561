"""The Redis users of docs/security.md: each can do what its role does, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.project import NAMESPACE, Project
from tests.support import eventually

LINES = re.findall(
    r"^ACL SETUSER jobctl-(\w+) (.+)$", (Path(__file__).parents[2] / "docs" / "security.md").read_text(), re.MULTILINE
)
As = Callable[[str], str]
LIMITED = """\
  limited: {python: "work:fail", concurrency: 1, rate_limit: 100/s, unique: {key: one, for: 1s}, retries: {max: 1}}
"""
LOOKS = """
job ls / job ls state:completed / job show later / job logs NAP / job show NAP / queue ls / queue show default / dead ls
dead groups / ps / limit ls / validate / stats / metrics / op ls / alert ls / index ls / audit
"""
CHANGES = """
job cancel later --yes / queue pause default / queue resume default / dead discard LETTER --yes --max 1
dead restore LETTER --yes --max 1 / dead retry LETTER --yes --max 1 / limit set limited --rate 5/s / limit reset limited
job retry later --yes / queue empty default --yes --max 10
"""
FORBIDDEN = ("GET other:key", "SET other:key 2", "FLUSHALL", "KEYS *", "SHUTDOWN")


def commands(text: str, **names: str) -> list[list[str]]:
    """The commands of a text, divided by slashes and line ends."""
    lines = [words for line in text.splitlines() for part in line.split(" / ") if (words := part.split())]
    return [[names.get(word, word) for word in words] for words in lines]


@pytest.fixture
def url_of(project: Project, redis_client: redis.Redis, redis_url: str) -> As:
    """The test server's URL for the user of a role, made as the document says."""
    for role, rules in LINES:
        words = rules.replace("NS:", f"{NAMESPACE}:").replace(">SECRET", f">{role}-secret").split()
        redis_client.execute_command("ACL", "SETUSER", f"jobctl-{role}", "reset", *words)
    return lambda role: redis_url.replace("unix://", f"unix://jobctl-{role}:{role}-secret@", 1)


@pytest.fixture
def run_as(project: Project, url_of: As) -> Callable[..., object]:
    def run(role: str, *args: str, **options: str) -> object:
        return project.cli(*args, env={"JOBCTL_REDIS_URL": url_of(role)}, **options)

    return run


def test_the_document_has_the_four_roles() -> None:
    assert [role for role, _ in LINES] == ["producer", "worker", "reader", "operator"]


def test_each_role_can_do_its_work(project: Project, url_of: As, run_as: Callable[..., Any]) -> None:
    project.change("jobs.yaml", "jobs:\n", "jobs:\n" + LIMITED)
    project.start("worker", "--processes=1", JOBCTL_REDIS_URL=url_of("worker")).ready()
    project.start("scheduler", JOBCTL_REDIS_URL=url_of("worker")).ready()

    done = run_as("producer", "enqueue", "nap", "n=1", "s=0", "--wait")
    assert done.code == 0, done.err
    nap = done.out.split()[0]
    for args in (
        ("enqueue", "fail"),
        ("enqueue", "nap", "n=2", "s=0", "--delay", "1h", "--id", "later"),
        ("enqueue", "limited", "--priority", "high"),
        ("enqueue", "limited"),
        ("job", "show", nap),
        ("job", "wait", nap),
    ):
        done = run_as("producer", *args)
        assert done.code == 0, (args, done.err)
    done = run_as("producer", "enqueue", "--from", "-", input='{"type": "nap", "payload": {"n": 3, "s": 0}}\n')
    assert done.code == 0, done.err
    eventually(lambda: run_as("reader", "dead", "ls", "-o", "name").out.strip())

    for args in commands(LOOKS, NAP=nap):
        done = run_as("reader", *args)
        assert done.code == 0, (args, done.err)
    for look in ("doctor", "triage"):
        done = run_as("reader", look)
        assert done.code in (0, 1), done.err  # 1: something is wrong with the jobs
        assert "NOPERM" not in done.err

    letter = run_as("reader", "dead", "ls", "-o", "name").out.split()[0]
    for args in commands(CHANGES, LETTER=letter):
        done = run_as("operator", *args)
        assert done.code in (0, 4), (args, done.err)  # 4: the worker was faster


@pytest.mark.parametrize("args", commands("enqueue fail / job cancel waits --yes / queue pause default"), ids=" ".join)
def test_a_reader_changes_nothing(project: Project, run_as: Callable[..., Any], args: list[str]) -> None:
    project.client.enqueue("nap", {"n": 1}, id="waits")
    done = run_as("reader", *args)
    assert done.code == 3, done.err
    assert len(done.err.splitlines()) <= 3
    assert "Traceback" not in done.err
    assert project.client.job("waits").state == "waiting"
    assert run_as("reader", "queue", "ls", "-o", "json").json()[0]["paused"] is False


def test_no_role_reaches_another_namespace(redis_client: redis.Redis, url_of: As) -> None:
    redis_client.set("other:key", "1")
    for role, _ in LINES:
        with redis.Redis.from_url(url_of(role)) as client:
            for command in (
                ("GET", "other:key"),
                ("SET", "other:key", "2"),
                ("FLUSHALL",),
                ("KEYS", "*"),
                ("SHUTDOWN",),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*command)


def test_a_reader_sees_what_stock_dramatiq_left(
    project: Project, redis_client: redis.Redis, run_as: Callable[..., Any]
) -> None:
    names = {"queue_name": "old", "actor_name": "a", "message_id": "m-1", "message_timestamp": 1}
    body = json.dumps({**names, "args": [], "kwargs": {}, "options": {}})
    redis_client.zadd("test:old.XQ", {"m-1": 1})
    redis_client.hset("test:old.XQ.msgs", "m-1", body)
    assert run_as("reader", "dead", "ls").code in (0, 1, 4)
    assert run_as("reader", "queue", "ls").code == 0
    assert redis_client.zcard("test:old.XQ") == 1
