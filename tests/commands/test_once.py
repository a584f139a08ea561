"""`jobctl.once` and `jobctl.RateLimited`, in jobs that a worker runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import jobctl
from jobctl.errors import JobctlError, UsageError
from jobctl.store import Store
from tests.commands import once_tasks
from tests.support import PATIENCE_S, Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 1, delays: [10ms]}}
jobs:
  charge: {python: "tests.commands.once_tasks:charge"}
  slow: {python: "tests.commands.once_tasks:slow"}
  told: {python: "tests.commands.once_tasks:unlucky", rate_limit: 1000/s, retries: {max: 0}}
  alone: {python: "tests.commands.once_tasks:unlucky", retries: {max: 0}}
"""


@pytest.fixture
def shop(lab: Cli) -> Iterator[Cli]:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    once_tasks.done.clear()
    once_tasks.gate.clear()
    once_tasks.inside.clear()
    yield lab
    once_tasks.gate.set()


def test_a_retry_does_not_repeat_what_is_done(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    job = shop("enqueue", "charge", "key=a", "fail=after", "--wait", "-o", "json").json()
    assert (job["result"], job["attempt_count"]) == ({"charge": 1}, 2)
    assert once_tasks.done == ["a"]


def test_another_job_is_given_the_value(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    first = shop("enqueue", "charge", "key=b", "--wait", "-o", "json").json()
    second = shop("enqueue", "charge", "key=b", "--wait", "-o", "json").json()
    assert first["result"] == second["result"] == {"charge": 1}
    assert once_tasks.done == ["b"]


def test_what_failed_is_begun_anew(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    assert shop("enqueue", "charge", "key=c", "fail=before", "--wait").code == 7
    assert shop("enqueue", "charge", "key=c", "--wait").code == 0
    assert once_tasks.done == ["c"]


def test_a_job_that_comes_while_another_is_at_it_fails_and_says_who_is(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    holder = shop("enqueue", "slow", "key=d").out.strip()
    assert once_tasks.inside.wait(PATIENCE_S)
    assert shop("enqueue", "charge", "key=d", "--wait").code == 7
    letter = shop("dead", "ls", "-o", "json").json()[0]
    assert (letter["error"], letter["message"].partition(" (")[0]) == ("OnceBusy", f"job {holder} is running `d` now")


def test_a_late_attempt_can_neither_begin_nor_end_it(store: Store) -> None:
    from tests.store.moves import QUEUE, Moves

    moves = Moves(store)
    moves.enqueue("j1")
    old = moves.fetch()[0]
    assert store.once.step("begin", "k", QUEUE, "j1", old.token, "", 60_000).state == "mine"
    moves.requeue(old)
    new = moves.fetch()[0]
    assert store.once.step("done", "k", QUEUE, "j1", old.token, "1", 60_000).state == "late"
    assert store.once.step("begin", "k", QUEUE, "j1", new.token, "", 60_000).state == "mine"


@pytest.mark.parametrize("job_type", ["told", "alone"])
def test_a_job_that_is_told_to_come_back_uses_no_attempt(shop: Cli, worker: Callable[[], None], job_type: str) -> None:
    worker()
    job = shop("enqueue", job_type, "--wait", "-o", "json").json()
    assert (job["state"], job["attempt_count"], len(once_tasks.done)) == ("completed", 1, 3)


def test_once_wants_a_job_around_it_and_a_key() -> None:
    with pytest.raises(JobctlError, match="no job is running here"):
        jobctl.once("k")
    with pytest.raises(UsageError, match="the key of `once`"):
        jobctl.once("")
