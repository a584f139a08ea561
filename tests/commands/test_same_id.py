"""Two queues may have jobs with the same id: each runs once, and a command asks which is meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.client import Client
from jobctl.errors import UsageError
from jobctl.store import Store
from jobctl.store.nouns.jobs import Ambiguous
from tests.commands import work_tasks
from tests.support import PATIENCE_S, Cli, eventually

ID = "order-7"


@pytest.fixture
def both(lab: Cli) -> Cli:
    """A job `order-7` in `default` (it holds until it is released) and one in `email`."""
    assert lab("enqueue", "hold", "--id", ID).out == f"{ID}\n"
    assert lab("enqueue", "mail", "name=Ada", "--id", ID).out == f"{ID}\n"
    return lab


def states(store: Store) -> dict[str, str]:
    return {job.queue: job.state for job in store.jobs.find_all(ID)}


def test_each_runs_once(both: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    assert work_tasks.STARTED.wait(PATIENCE_S)
    eventually(lambda: states(store) == {"default": "running", "email": "completed"})
    work_tasks.RELEASE.set()
    eventually(lambda: set(states(store).values()) == {"completed"})
    assert [job.record.count for job in store.jobs.find_all(ID)] == [1, 1]


@pytest.mark.parametrize(
    "command",
    [
        ("job", "show"),
        ("job", "logs"),
        ("job", "result"),
        ("job", "wait", "--timeout=1s"),
        ("job", "cancel"),
        ("job", "retry"),
        ("job", "promote"),
        ("job", "priority"),
        ("job", "release"),
        ("job", "rm"),
        ("dead", "show"),
        ("dead", "retry", "--yes", "--max=9"),
    ],
    ids=" ".join,
)
def test_a_command_asks_which_is_meant(both: Cli, store: Store, command: tuple[str, ...]) -> None:
    done = both(*command, ID, *(["high"] if "priority" in command else []))

    assert done.code == 2
    assert f"several queues have a job {ID}: default, email; choose one with --queue default" in done.err
    assert done.out == ""
    assert states(store) == {"default": "waiting", "email": "waiting"}


def test_a_cancel_stops_the_job_of_the_queue_that_is_named(both: Cli, store: Store, worker: Callable[[], None]) -> None:
    assert both("enqueue", "mail", "name=Bob", "--id", ID, "--delay=1h").code == 0  # known already
    worker()
    assert work_tasks.STARTED.wait(PATIENCE_S)
    eventually(lambda: states(store)["email"] == "completed")

    assert both("job", "cancel", ID, "--queue=email").code == 4
    assert states(store) == {"default": "running", "email": "completed"}
    assert both("job", "cancel", ID, "--queue=default", "--timeout=300ms").code == 6
    work_tasks.RELEASE.set()
    eventually(lambda: states(store) == {"default": "cancelled", "email": "completed"})


def test_a_wait_is_for_the_job_of_the_queue_that_is_named(both: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    assert work_tasks.STARTED.wait(PATIENCE_S)
    assert both("job", "wait", ID, "--queue=email").code == 0
    assert both("job", "wait", ID, "--queue=default", "--timeout=200ms").code == 6
    assert both("job", "result", ID, "--queue=email").json()["hello"] == "Ada"


def test_a_list_shows_both_and_a_filter_chooses(both: Cli) -> None:
    rows = both("job", "ls", f"id:{ID}", "-o", "json").json()
    assert sorted(row["queue"] for row in rows) == ["default", "email"]
    assert sorted(row["queue"] for row in both("job", "ls", "-o", "json").json()) == ["default", "email"]
    done = both("job", "cancel", f"id:{ID}", "--yes", "--max=2")
    assert (done.code, done.err.count(f"job {ID} is cancelled")) == (0, 2)
    assert both("job", "retry", "--queue=email", "state:cancelled", "--yes", "--max=1").code == 0


def test_the_client_asks_which_is_meant(both: Cli, store: Store) -> None:
    from jobctl.catalog.load import load

    client = Client(store, load(both.cwd / "jobs.yaml"))
    with pytest.raises(UsageError, match=f"several queues have a job {ID}"):
        client.job(ID)
    assert client.job(ID, "email").type == "mail"
    assert client.enqueue("mail", {"name": "Ada"}, id=ID).type == "mail"


def test_an_id_that_jobctl_made_for_one_queue_may_be_chosen_in_another(lab: Cli, store: Store) -> None:
    job_id = lab("enqueue", "greet", "name=Ada").out.strip()
    assert lab("enqueue", "mail", "name=Ada", "--id", job_id).code == 0
    with pytest.raises(Ambiguous):
        store.jobs.find(job_id)
    assert [job.queue for job in store.jobs.find_all(job_id)] == ["default", "email"]
