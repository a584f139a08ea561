"""Alerts: told once when something is wrong and once when it is over, whatever happens to schedulers and receivers."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.commands import made
from tests.project import Project, alive
from tests.support import eventually

TOLD = """{when: dead > 0, command: [sh, -c, 'echo "$1" >> told', sh, "{{ state }} {{ value }} {{ worst }}"]}"""


@pytest.fixture
def watched(project: Project) -> Callable[..., None]:
    """Add alerts (and more) to the project's catalog."""

    def write(text: str) -> None:
        path = project.folder / "jobs.yaml"
        project.write("jobs.yaml", f"{path.read_text()}{text}")

    return write


def told(project: Project, name: str = "told") -> list[str]:
    path = project.folder / name
    return path.read_text().splitlines() if path.exists() else []


def state(project: Project, name: str = "a") -> dict[str, Any]:
    [row] = project.cli("alert", "ls", name, "-o", "json").json()
    return dict(row)


def mend(project: Project) -> None:
    assert project.cli("dead", "discard", "state:dead", "--yes", "--max", "100").code == 0


def test_of_two_schedulers_one_tells_and_what_is_over_is_told_once(
    project: Project, watched: Callable[..., None]
) -> None:
    watched(f"alerts: {{a: {TOLD}}}\n")
    both = [project.start("scheduler").ready() for _ in range(2)]
    made.dead(project.store, 2, job_type="fail")
    eventually(lambda: told(project) == ["firing 2.0 default"])
    assert eventually(lambda: state(project)["notice"] == "sent")
    mend(project)
    eventually(lambda: len(told(project)) == 2)
    assert eventually(lambda: state(project)["state"] == "ok")
    looked = project.store.alerts.looked_at() or 0
    eventually(lambda: (project.store.alerts.looked_at() or 0) > looked + 6_000, what="two more looks")
    assert told(project) == ["firing 2.0 default", "resolved 0.0 default"]
    assert sum(len(one.messages("is firing:")) for one in both) == 1, "one of them moved it"


def test_a_new_scheduler_goes_on_where_the_last_one_stopped(project: Project, watched: Callable[..., None]) -> None:
    watched(f"alerts: {{a: {TOLD}}}\n")
    first = project.start("scheduler").ready()
    made.dead(project.store, 1, job_type="fail")
    eventually(lambda: state(project)["notice"] == "sent")
    since = state(project)["since"]
    first.signal(signal.SIGKILL)
    first.ended()
    project.start("scheduler").ready()
    checked = state(project)["checked_at"]
    eventually(lambda: state(project)["checked_at"] != checked)
    assert (state(project)["state"], state(project)["since"]) == ("firing", since)
    mend(project)
    eventually(lambda: len(told(project)) == 2)
    assert told(project) == ["firing 1.0 default", "resolved 0.0 default"]


def test_commands_that_hang_hold_up_neither_ticks_nor_the_end(project: Project, watched: Callable[..., None]) -> None:
    hanging = "{when: dead > 0, command: [sh, -c, 'echo $$ >> pids; exec sleep 300']}"
    rows = "".join(f"  h{n}: {hanging}\n" for n in range(6))
    watched(f"schedules: {{s: {{job: nap, every: 1s, payload: {{n: 1}}}}}}\nalerts:\n{rows}")
    made.dead(project.store, 1, job_type="fail")
    scheduler = project.start("scheduler").ready()
    pids = project.pids(4)
    before = len(scheduler.messages("enqueued as job"))
    scheduler.said("enqueued as job", times=before + 3)
    assert len(told(project, "pids")) == 4, "no more than four at once"
    assert not scheduler.messages("failed and will be retried")
    scheduler.signal(signal.SIGTERM)
    assert scheduler.ended() == 0
    eventually(lambda: not [pid for pid in pids if alive(pid)], what="the commands to end")
    kept = project.store.alerts.all(0)
    assert all(one.failing is None for one in kept.values()), "stopped, not failed"
    assert sum(one.lease is None for one in kept.values()) == 6, "another scheduler may send them at once"


def test_what_does_not_get_through_is_tried_again_and_told_in_triage(
    project: Project, watched: Callable[..., None]
) -> None:
    watched("alerts: {a: {when: dead > 0, command: [sh, -c, 'test -e open || { echo no way >&2; exit 7; }']}}\n")
    made.dead(project.store, 1, job_type="fail")
    project.start("scheduler").ready()
    eventually(lambda: state(project)["notice"] == "failed")
    assert state(project)["error"] == "ExitCode: exit 7: no way"
    rows = [row for row in project.cli("triage", "-o", "json").json() if row["check"] == "alerts"]
    assert [(row["status"], row["command"]) for row in rows] == [("fail", "jobctl alert test a")]
    assert "exit 7: no way" in rows[0]["found"]
    assert project.cli("alert", "test", "a").code == 1
    project.write("open", "")
    eventually(lambda: state(project)["notice"] == "sent")
    assert not [row for row in project.cli("triage", "-o", "json").json() if row["check"] == "alerts"]


def test_a_job_tells_once(project: Project, watched: Callable[..., None]) -> None:
    watched(
        """  tell: {command: [sh, -c, 'echo "$1" >> told', sh, "{{ text }}"], payload: {required: [text]}, queue: tell}
alerts: {a: {when: dead > 0, filter: queue:default, job: tell, payload: {text: "{{ state }} {{ worst }}"}}}
"""
    )
    made.dead(project.store, 1, job_type="fail")
    project.start("scheduler").ready()
    project.worker("--queues", "tell")
    eventually(lambda: told(project) == ["firing default"])
    mend(project)
    eventually(lambda: told(project) == ["firing default", "resolved default"])


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, Any], str]]]]:
    """A server's address, and the JSON bodies and idempotency keys that it got; it fails the first time."""
    got: list[tuple[dict[str, Any], str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((body, self.headers["Idempotency-Key"]))
            self.send_response(503 if len(got) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()


def test_a_request_carries_the_notice_and_the_same_key_when_it_is_repeated(
    project: Project, watched: Callable[..., None], receiver: tuple[str, list[tuple[dict[str, Any], str]]]
) -> None:
    url, got = receiver
    watched(f'alerts: {{a: {{when: dead > 0, http: {{url: "{url}"}}}}}}\n')
    made.dead(project.store, 3, job_type="fail")
    project.start("scheduler").ready()
    eventually(lambda: len(got) == 2)
    (first, key), (second, again) = got
    assert (first, key) == (second, again)
    assert first["summary"].startswith("test: a is firing: dead 3 in default (limit 0), since ")
    assert first | {"since": "", "summary": ""} == {
        "alert": "a", "state": "firing", "summary": "", "when": "dead > 0", "measure": "dead", "value": 3,
        "limit": 0, "unit": "", "worst": "default", "filter": "", "since": "", "namespace": "test",
    }  # fmt: skip


def test_a_reload_brings_alerts_and_takes_them_away(project: Project, watched: Callable[..., None]) -> None:
    made.dead(project.store, 1, job_type="fail")
    before = (project.folder / "jobs.yaml").read_text()
    scheduler = project.start("scheduler").ready()
    watched(f"alerts: {{a: {TOLD}}}\n")
    scheduler.signal(signal.SIGHUP)
    eventually(lambda: told(project) == ["firing 1.0 default"])
    project.write("jobs.yaml", before.replace("  fail:", "  fails:"))
    scheduler.signal(signal.SIGHUP)
    scheduler.said("is ready")
    assert project.cli("alert", "ls", "-o", "json").json() == []


def test_a_scheduler_without_alerts_asks_redis_nothing_for_them(project: Project, watched: Callable[..., None]) -> None:
    watched("schedules: {s: {job: nap, every: 1s, payload: {n: 1}}}\n")
    scheduler = project.start("scheduler").ready()
    scheduler.said("enqueued as job", times=2)
    assert not project.store.client.exists(project.store.keys.alerts())
    threads = len(list(Path(f"/proc/{scheduler.process.pid}/task").iterdir()))
    scheduler.signal(signal.SIGTERM)
    assert scheduler.ended() == 0
    watched(f"alerts: {{a: {TOLD}}}\n")
    with_alerts = project.start("scheduler").ready()
    eventually(lambda: project.store.alerts.looked_at())
    assert len(list(Path(f"/proc/{with_alerts.process.pid}/task").iterdir())) == threads + 1


@pytest.mark.parametrize("what", ["queue:nowhere", "job:nap", "state:dead", "((", "args.n=1"])
def test_a_filter_that_cannot_be_used_is_refused_with_its_place(
    project: Project, watched: Callable[..., None], what: str
) -> None:
    watched(f"alerts:\n  a: {{when: dead > 0, filter: '{what}', command: [true]}}\n")
    for command in ("validate", "scheduler"):
        ran = project.cli(command)
        assert ran.code == 2
        assert "jobs.yaml:18:" in ran.err or "alerts.a.filter" in ran.err
        assert "Traceback" not in ran.err
