"""What actors send inside `jobctl run` goes where `jobctl enqueue` would put it."""

from __future__ import annotations

import pytest

from tests.commands.test_queue import profile
from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
jobs:
  first: {actor: "mailer:first", queue: mail}
  second: {actor: "mailer:second", queue: mail}
  plain: {python: "mailer:plain"}
"""
MAILER = """
import dramatiq

@dramatiq.actor(queue_name="mail")
def second(): ...

@dramatiq.actor(queue_name="mail")
def first():
    second.send()

def plain():
    second.send_with_options(delay=60_000)
"""


def prepare(cli: Cli) -> Cli:
    (cli.cwd / "jobs.yaml").write_text(CATALOG)
    (cli.cwd / "mailer.py").write_text(MAILER)
    return cli


@pytest.mark.parametrize(("job", "state"), [("first", "waiting"), ("plain", "delayed")])
def test_an_actor_sends_to_the_redis_and_namespace_of_the_command(redis_cli: Cli, job: str, state: str) -> None:
    cli = prepare(redis_cli)

    assert cli("run", job, "--namespace", "other").code == 0
    [sent] = cli("job", "ls", "--namespace", "other", "-o", "json").json()
    assert (sent["type"], sent["queue"], sent["state"]) == ("second", "mail", state)


def test_without_a_redis_sending_fails_and_says_what_to_do(cli: Cli) -> None:
    done = prepare(cli)("run", "first")

    assert done.code == 1
    assert "no Redis is configured" in done.err


def test_a_read_only_profile_sends_nothing(redis_cli: Cli, redis_url: str) -> None:
    cli = prepare(redis_cli)
    profile(cli, redis_url)

    done = cli("run", "first", "--profile", "look")
    assert done.code == 1
    assert "is read-only" in done.err
