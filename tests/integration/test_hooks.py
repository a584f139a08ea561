"""`on_dead`, `on_cancelled`, `on_completed`: what the jobs of hooks are given, by real workers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.project import Project
from tests.support import eventually

JOBS = """\
  charge:
    command: [sh, -c, 'test "$1" != 0 || { echo "card 4111 refused" >&2; exit 3; }', sh, "{{ n }}"]
    payload: {required: [n], properties: {n: {type: integer}, card: {type: string}}}
    retries: {max: 0}
    label: "order {{ n }}"
    redact: [card]
    expires: 1h
    on_dead:
      job: tell
      payload: {text: "{{ job.label }}: {{ error }}, {{ message }}", n: "{{ n }}", id: "{{ job.id }}"}
    on_cancelled: {job: tell, payload: {text: "{{ job.state }} {{ job.attempts }}", n: "{{ payload.n }}", id: x}}
    on_completed: all
  value:
    python: work:value
    on_completed: {job: tell, payload: {text: "{{ result.answer }}", n: 1, id: "{{ job.id }}"}}
  tell:
    python: work:tell
    queue: notes
    rate_limit: 100/s
    label: "about {{ id }}"
    payload: {required: [text, n, id], properties: {n: {type: integer}, text: {}, id: {}}}
    on_completed: all
  all: {python: "work:all_of_it", queue: notes}
  misfit: {command: ["true"], on_completed: {job: tell, payload: {text: a, n: "{{ job.id }}", id: b}}}
"""
TASKS = """
import json

def tell(**payload):
    with open("told", "a") as file:
        file.write(json.dumps(payload) + "\\n")

def all_of_it(**payload):
    tell(**payload)

def value():
    return {"answer": 42}
"""


@pytest.fixture
def hooked(project: Project) -> Project:
    path = project.folder / "jobs.yaml"
    project.write("jobs.yaml", path.read_text() + JOBS)
    project.write("work.py", (project.folder / "work.py").read_text() + TASKS)
    return project


def told(project: Project) -> list[dict[str, Any]]:
    path = project.folder / "told"
    return [msgspec.json.decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def enqueue(project: Project, *args: str) -> str:
    ran = project.cli("enqueue", *args)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_a_dead_job_is_told_of_with_its_payload_and_error(hooked: Project) -> None:
    hooked.worker().ready()
    job_id = enqueue(hooked, "charge", "n=0")
    [said] = eventually(lambda: told(hooked))
    assert said == {"text": "order 0: ExitCode, exit 3: card 4111 refused", "n": 0, "id": job_id}
    [row] = eventually(lambda: hooked.cli("job", "ls", "job:tell", "state:completed", "-o", "json").json())
    assert (row["parent"], row["label"], row["payload"]) == (job_id, f"about {job_id}", said)
    assert row["id"].startswith(f"{job_id}@dead-")
    assert hooked.cli("job", "show", row["id"]).code == 0
    assert len(told(hooked)) == 1, "it has completed, and triggered nothing"


def test_a_completed_job_and_what_is_known_of_it(hooked: Project) -> None:
    hooked.worker().ready()
    job_id = enqueue(hooked, "charge", "n=1", "card=4111")
    [said] = eventually(lambda: told(hooked))
    assert said == {
        "id": job_id, "type": "charge", "queue": "default", "state": "completed", "label": "order 1", "attempts": 1,
        "payload": {"n": 1, "card": "4111"}, "error": None, "message": None, "result": None,
    }  # fmt: skip
    enqueue(hooked, "value")
    eventually(lambda: [one["text"] for one in told(hooked)[1:]] == [42])


def test_a_job_that_is_cancelled_by_hand(hooked: Project) -> None:
    worker = hooked.worker("--queues", "notes").ready()
    job_id = enqueue(hooked, "charge", "n=5")
    assert hooked.cli("job", "cancel", job_id).code == 0
    hooked.cli("queue", "ls")
    assert told(hooked) == [], "no worker has said yet that the type has hooks"
    hooked.worker("--queues", "default,notes").ready()
    eventually(lambda: hooked.store.client.hlen(hooked.store.keys.hooks()))
    assert hooked.cli("queue", "pause", "default").code == 0
    job_id = enqueue(hooked, "charge", "n=6")
    assert hooked.cli("job", "cancel", job_id).code == 0
    [said] = eventually(lambda: told(hooked))
    assert said == {"text": "cancelled 0", "n": 6, "id": "x"}
    assert worker.process.poll() is None


def test_what_does_not_fit_is_dead_with_the_reason(hooked: Project) -> None:
    hooked.worker().ready()
    enqueue(hooked, "misfit")
    [row] = eventually(lambda: hooked.cli("dead", "ls", "-o", "json").json())
    assert (row["type"], row["error"]) == ("tell", "Quarantined")
    assert "n: expected integer" in row["message"] or "is not of type" in row["message"]


def test_a_job_that_is_no_longer_kept_cannot_be_told_of(hooked: Project) -> None:
    worker = hooked.worker("--queues", "default").ready()
    job_id = enqueue(hooked, "charge", "n=1")
    eventually(lambda: hooked.client.job(job_id).state == "completed")
    assert hooked.cli("job", "rm", job_id).code == 0
    hooked.worker("--queues", "notes").ready()
    [row] = eventually(lambda: hooked.cli("dead", "ls", "-o", "json").json())
    assert row["message"] == f"job {job_id}, which is completed, is no longer kept"
    assert worker.process.poll() is None


def test_a_hook_that_is_removed_from_the_catalog_is_removed_from_redis(hooked: Project) -> None:
    first = hooked.worker().ready()
    eventually(lambda: hooked.store.client.hexists(hooked.store.keys.hooks(), "charge completed"))
    hooked.change("jobs.yaml", "    on_completed: all\n  value", "  value")
    first.process.terminate()
    first.ended()
    hooked.worker().ready()
    eventually(lambda: not hooked.store.client.hexists(hooked.store.keys.hooks(), "charge completed"))
    assert hooked.store.client.hexists(hooked.store.keys.hooks(), "charge dead")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("on_completed: all\n  value", "on_completed: al\n  value", "unknown job type `al`; did you mean `all`?"),
        ("all: {python", "all: {unique: {key: '{{ id }}'}, python", "`all` has `unique`, which"),
        ("all: {python", "all: {index: [id], python", "`all` has `index`, which"),
        ("id: x}", "idd: x}", "`tell` needs `id`; give it"),
        ("{{ payload.n }}", "{{ payload.m }}", "the template names `m`"),
        ("{{ job.state }}", "{{ job.status }}", "the template names `job.status`"),
        ("on_completed: all\n  value", "on_completed: [all]\n  value", "expected a job type, or a mapping with `job`"),
    ],
)
def test_what_is_wrong_in_the_catalog_is_told(hooked: Project, old: str, new: str, problem: str) -> None:
    hooked.change("jobs.yaml", old, new)
    ran = hooked.cli("validate")
    assert ran.code == 2
    assert problem in ran.err
