"""jobctl from Python: connect, enqueue, look, wait."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jobctl
from jobctl.client import Client
from jobctl.errors import JobctlError, NothingMatched, RedisUnavailable, UsageError, WaitTimeout
from tests.support import PATIENCE_S, Cli


@pytest.fixture
def client(lab: Cli, redis_url: str) -> Client:
    return jobctl.connect(lab.cwd / "jobs.yaml", redis_url)


def test_an_enqueued_job_is_answered_with_its_record(client: Client) -> None:
    job = client.enqueue("greet", {"name": "Ada"}, priority="high", parent="p1")
    assert (job.type, job.state, job.priority, job.label, job.parent) == ("greet", "waiting", -10, "for Ada", "p1")
    assert client.job(job.id) == job


def test_delays_are_seconds_durations_or_moments(client: Client) -> None:
    at = datetime.now(tz=UTC) + timedelta(hours=1)
    jobs = [client.enqueue("greet", {"name": "x"}, **when) for when in ({"delay": 3600}, {"delay": "1h"}, {"at": at})]
    for job in jobs:
        known = client.job(job.id)
        assert (job.state, known.state) == ("delayed", "delayed")
        assert known.due_at is not None
        assert abs(known.due_at - at) < timedelta(seconds=10)


def test_an_id_that_is_known_gives_the_job_that_has_it(client: Client) -> None:
    first = client.enqueue("greet", {"name": "first"}, id="order-1")
    again = client.enqueue("greet", {"name": "again"}, id="order-1")
    assert again.payload == first.payload == {"name": "first"}


def test_many_are_checked_before_any_is_written(client: Client) -> None:
    with pytest.raises(UsageError, match="name"):
        client.enqueue_many("greet", [{"name": "ok"}, {"nam": "bad"}])
    ids = client.enqueue_many("greet", ({"name": str(n)} for n in range(1200)))
    assert [client.job(i).payload for i in (ids[0], ids[-1])] == [{"name": "0"}, {"name": "1199"}]
    assert len(set(ids)) == 1200
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (("gret", {}), {}),
        (("greet", {"name": 1}), {}),
        (("greet", {"name": "x" * 5000}), {}),
        (("greet", {"name": {1, 2}}), {}),
        (("greet", {"name": "x"}), {"delay": -1}),
        (("greet", {"name": "x"}), {"delay": "soon"}),
        (("greet", {"name": "x"}), {"at": datetime(2030, 1, 1)}),
        (("greet", {"name": "x"}), {"priority": "urgent"}),
        (("greet", {"name": "x"}), {"id": "no spaces"}),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(client: Client, given: tuple, options: dict) -> None:
    with pytest.raises(UsageError):
        client.enqueue(*given, **options)
    with pytest.raises(NothingMatched):
        client.job("no spaces")


def test_waiting_ends_with_the_job(client: Client, worker: Callable[[], None]) -> None:
    job = client.enqueue("greet", {"name": "Ada"})
    with pytest.raises(WaitTimeout):
        client.wait(job.id, timeout=0.05)
    threading.Thread(target=worker).start()
    assert client.wait(job.id, PATIENCE_S).state == "completed"


def test_one_client_serves_many_threads(client: Client) -> None:
    ids: list[str] = []

    def send() -> None:
        ids.extend(client.enqueue("greet", {"name": "x"}).id for _ in range(50))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 400
    assert all(client.job(i).state == "waiting" for i in ids[::40])


def test_no_redis_and_no_job_are_said_clearly(lab: Cli, tmp_path: Path) -> None:
    away = jobctl.connect(lab.cwd / "jobs.yaml", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(RedisUnavailable):
        away.enqueue("greet", {"name": "x"})
    with pytest.raises(JobctlError, match="no job is running here"):
        jobctl.current()


def test_the_client_imports_nothing_that_only_the_command_line_needs() -> None:
    heavy = ("typer", "rich", "apscheduler", "dramatiq")
    code = f"import jobctl.client, sys; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
