"""`jobctl metrics`, and what workers and schedulers serve over HTTP."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from jobctl import clock
from jobctl.catalog.load import load_text
from jobctl.ops.probes import is_wedged, stands_still
from jobctl.store import Store
from jobctl.store.nouns.processes import Blocked, ChildInfo, ProcessInfo
from tests.commands import made
from tests.project import Project
from tests.support import Cli, eventually

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
DOCUMENTED = dict(re.findall(r"^\| `(jobctl_\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
SUFFIXES = re.compile(r"_(bucket|sum|count)$")


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The value of each series."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_what_was_counted_and_what_is(lab: Cli, store: Store, worker: Callable[[], None]) -> None:
    worker()
    for command in ("greet name=a", "greet name=b", "fail"):
        lab("enqueue", *command.split(), "--wait", "--timeout", "60s")
    made.waiting(store, 3, queue="nobody", job_type="mail")
    ran = lab("metrics")
    assert (ran.code, ran.err) == (0, "")
    found = read(ran.out)

    def of(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert of("jobctl_up") == 1
    assert of("jobctl_jobs_total", queue="default", type="greet", outcome="completed") == 2
    assert of("jobctl_jobs_total", queue="default", type="fail", outcome="dead") == 1
    assert of("jobctl_attempts_failed_total", queue="default", type="fail") == 1
    assert of("jobctl_jobs_enqueued_total", queue="nobody", type="mail") == 3
    assert of("jobctl_job_wait_seconds_count", queue="default") == 3
    assert of("jobctl_job_run_seconds_bucket", queue="default", le="+Inf") == 3
    assert of("jobctl_queue_jobs", queue="nobody", state="waiting") == 3
    assert of("jobctl_queue_jobs", queue="default", state="dead") == 1
    names = {SUFFIXES.sub("", name) if SUFFIXES.sub("", name) in DOCUMENTED else name for name, _ in found}
    assert names <= DOCUMENTED.keys()
    assert {*DOCUMENTED} - names <= {"jobctl_schedule_lateness_seconds", "jobctl_limit_waiting"}


def test_for_programs(lab: Cli, store: Store) -> None:
    made.waiting(store, 1, job_type="greet")
    rows = lab("metrics", "-o", "jsonl").lines()
    assert {"name": "jobctl_up", "labels": {}, "value": 1.0} in [json.loads(line) for line in rows]


def test_redis_away(lab: Cli) -> None:
    ran = lab("metrics", "--redis", "redis://127.0.0.1:1")
    assert ran.code == 3
    assert list(read(ran.out).values()) == [0]


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:", "127.0.0.1:99999", "203.0.113.1:9150"])
@pytest.mark.parametrize("command", ["metrics", "worker", "scheduler"])
def test_an_address_where_nothing_can_listen(lab: Cli, address: str, command: str) -> None:
    ran = lab(command, "--http", address)
    assert ran.code == 2
    assert "--http" in ran.err
    assert "Traceback" not in ran.err


def test_a_worker_answers_probes_and_serves_metrics(project: Project) -> None:
    port = free_port()
    worker = project.start("worker", "--processes=1", "--threads=2", "--http", f"127.0.0.1:{port}").ready()
    assert eventually(lambda: get(port, "/readyz")) == (200, "ok\n")
    assert get(port, "/livez") == (200, "ok\n")
    found = read(get(port, "/metrics")[1])
    assert found["jobctl_processes", (("kind", "worker"),)] == 1
    assert get(port, "/elsewhere")[0] == 404
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0


def test_a_worker_whose_threads_all_hang_is_wedged_and_a_busy_one_is_not() -> None:
    def worker(*children: ChildInfo) -> ProcessInfo:
        return ProcessInfo(
            name="h", kind="worker", host="h", pid=1, queues=(), processes=2, threads=4, started_ms=1, children=children
        )

    def child(running: int, hanging: int) -> ChildInfo:
        return ChildInfo(name="c", pid=2, running=running, memory_mb=1, hanging=hanging)

    assert is_wedged(worker(child(4, 4), child(4, 4)))
    assert not is_wedged(worker(child(4, 0), child(4, 0)))
    assert not is_wedged(worker(child(4, 4), child(1, 0)))
    assert not is_wedged(worker(child(7, 4)))
    assert not is_wedged(worker())


def test_a_worker_whose_event_loops_all_stand_still_for_too_long_is_wedged() -> None:
    catalog = load_text("version: 1\nworker: {max_block: 5s}\n")

    def worker(*seconds: float | None) -> ProcessInfo:
        children = tuple(
            ChildInfo(
                name="c", pid=2, running=1, memory_mb=1,
                blocked=None if s is None else Blocked("q", "j", "x.py:1", round(clock.now_ms() - s * 1000)),
            )
            for s in seconds
        )  # fmt: skip
        return ProcessInfo(
            name="h", kind="worker", host="h", pid=1, queues=(), processes=2, threads=4, started_ms=1, children=children
        )

    assert stands_still(worker(26, 60), catalog)
    assert not stands_still(worker(24, 60), catalog), "it is about to be interrupted, or replaced"
    assert not stands_still(worker(None, 60), catalog)
    assert not stands_still(worker(), catalog)


def test_a_scheduler_has_no_slots_and_the_worst_loop_is_told(lab: Cli, store: Store) -> None:
    for kind, lags in (("scheduler", ()), ("worker", (0.25, 1.5))):
        children = tuple(ChildInfo(name="c", pid=2, running=0, memory_mb=1, loop_lag_s=lag) for lag in lags)
        store.processes.beat(
            ProcessInfo(
                name=f"h:{kind}", kind=kind, host="h", pid=1, queues=(), processes=1, threads=4, started_ms=1,
                children=children,
            )
        )  # fmt: skip
    found = read(lab("metrics").out)
    assert found["jobctl_slots", (("kind", "thread"), ("state", "free"))] == 4
    assert found["jobctl_loop_lag_seconds", ()] == 1.5


def test_rules_and_dashboard_use_the_metrics_that_there_are() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yaml").read_text())
    board = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    expressions += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    used = {SUFFIXES.sub("", name) for text in expressions for name in re.findall(r"jobctl_\w+", text)}
    assert used
    assert used <= DOCUMENTED.keys()
