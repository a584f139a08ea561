"""Traces: a span an attempt, linked to who created the job; nothing of it where the catalog does not ask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from opentelemetry import trace

from jobctl.client import Client
from jobctl.store import Store
from jobctl.tracing import Attempts
from tests.compat.inner import Inner, ended
from tests.integration import sdk
from tests.project import Project
from tests.support import Cli, eventually

sdk.use()

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

CATALOG = """\
traces: true
jobs:
  plain: {python: "traced:plain", retries: {max: 0}}
  loop: {python: "traced:loop", retries: {max: 0}}
  fails: {python: "traced:fails", retries: {max: 0}}
  parent: {python: "traced:parent", retries: {max: 0}}
  shell: {command: {args: [sh, -c, 'echo "$TRACEPARENT" > trace'], cwd: "."}, retries: {max: 0}}
"""
SOURCE = """\
import jobctl
from opentelemetry import trace

def work():
    with trace.get_tracer("app").start_as_current_span("inside"):
        pass

def plain():
    work()

async def loop():
    work()

def fails():
    raise ValueError("card 4111 refused")

def parent():
    jobctl.current().enqueue("plain", {})
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """OpenTelemetry has one provider a process, which cannot be replaced."""
    provider, found = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter


@pytest.fixture
def inner(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Inner]:
    found = Inner(tmp_path, redis_url)
    found.module("traced", SOURCE)
    yield found
    found.stop()


class _Job:
    def __init__(self, job_id: str) -> None:
        self.message_id = job_id


def run(inner: Inner, spans: InMemorySpanExporter, job_type: str) -> dict[str, list[ReadableSpan]]:
    """The spans of a job that was enqueued from Python, by name, once all have ended."""
    worker = inner.start(CATALOG)
    client = Client(worker.store, worker.committer._catalog)
    with trace.get_tracer("app").start_as_current_span("request"):
        job = client.enqueue(job_type)
    ended(worker, _Job(job.id))
    eventually(lambda: [span for span in spans.get_finished_spans() if span.name.startswith("process")])
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def test_an_attempt_is_in_no_span_of_its_thread_and_leaves_none_to_it(spans: InMemorySpanExporter) -> None:
    attempts = Attempts()
    with trace.get_tracer("app").start_as_current_span("around") as around:
        attempts.begin(1, {}, "default", "a", "plain", 1)
        attempts.end(1, None)
        assert trace.get_current_span() is around
    [process] = [span for span in spans.get_finished_spans() if span.name == "process default"]
    assert (process.parent, process.links) == (None, ())


@pytest.mark.parametrize("job_type", ["plain", "loop"])
def test_an_attempt_is_a_span_linked_to_who_created_the_job(
    inner: Inner, spans: InMemorySpanExporter, job_type: str
) -> None:
    found = run(inner, spans, job_type)
    [request], [create], [process], [inside] = (
        found[name] for name in ("request", "create default", "process default", "inside")
    )
    assert (create.kind, process.kind) == (trace.SpanKind.PRODUCER, trace.SpanKind.CONSUMER)
    assert create.parent is not None
    assert create.parent.span_id == request.context.span_id
    assert [link.context.span_id for link in process.links] == [create.context.span_id]
    assert process.parent is None
    assert inside.parent is not None
    assert inside.parent.span_id == process.context.span_id
    job_id = create.attributes["messaging.message.id"]
    assert dict(process.attributes) == {
        "messaging.system": "jobctl", "messaging.operation.type": "process", "messaging.operation.name": "process",
        "messaging.destination.name": "default", "messaging.message.id": job_id, "jobctl.job.type": job_type,
        "jobctl.job.attempt": 1,
    }  # fmt: skip
    assert process.status.is_ok or process.status.status_code is trace.StatusCode.UNSET


def test_a_failure_has_its_class_and_no_text(inner: Inner, spans: InMemorySpanExporter) -> None:
    [process] = run(inner, spans, "fails")["process default"]
    assert process.attributes["error.type"] == "ValueError"
    assert process.status.status_code is trace.StatusCode.ERROR
    assert "4111" not in process.to_json()


def test_what_a_job_enqueues_belongs_to_its_trace(inner: Inner, spans: InMemorySpanExporter) -> None:
    run(inner, spans, "parent")
    eventually(lambda: len([s for s in spans.get_finished_spans() if s.name == "process default"]) == 2)
    by_type = {
        (span.name.split()[0], span.attributes.get("jobctl.job.type")): span for span in spans.get_finished_spans()
    }
    assert by_type["create", "plain"].context.trace_id == by_type["process", "parent"].context.trace_id
    [link] = by_type["process", "plain"].links
    assert link.context.span_id == by_type["create", "plain"].context.span_id


def test_a_command_finds_the_trace_of_its_attempt(inner: Inner, spans: InMemorySpanExporter) -> None:
    [process] = run(inner, spans, "shell")["process default"]
    told = (inner.folder / "trace").read_text().strip()
    assert (
        told == f"00-{process.context.trace_id:032x}-{process.context.span_id:016x}-{process.context.trace_flags:02x}"
    )


def message(store: Store, job_id: str) -> dict[str, object]:
    return dict(msgspec.json.decode(store.client.hget(store.keys.bodies("default"), job_id))["options"])


@pytest.fixture
def traced(project: Project) -> Project:
    project.write("jobs.yaml", "traces: true\n" + (project.folder / "jobs.yaml").read_text())
    return project


def test_the_command_line_continues_the_trace_of_its_environment(traced: Project) -> None:
    ran = traced.cli("enqueue", "nap", "n=1", env={"TRACEPARENT": PARENT, "TRACESTATE": "a=b"})
    assert ran.code == 0
    assert message(traced.store, ran.out.strip()) | {"label": ""} == {
        "traceparent": PARENT, "tracestate": "a=b", "label": "",
    }  # fmt: skip
    ran = traced.cli("enqueue", "nap", "--from", "-", input='{"n": 1}\n', env={"TRACEPARENT": PARENT})
    assert message(traced.store, ran.out.strip())["traceparent"] == PARENT


@pytest.mark.parametrize("rubbish", ["", "x", "00-00-00-00", "\x1b[31m", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_trace_that_cannot_be_read_is_none(traced: Project, rubbish: str) -> None:
    ran = traced.cli("enqueue", "nap", "n=1", env={"TRACEPARENT": rubbish})
    assert ran.code == 0
    assert "traceparent" not in message(traced.store, ran.out.strip())


def test_messages_have_no_context_where_the_catalog_does_not_ask(project: Project) -> None:
    ran = project.cli("enqueue", "nap", "n=1", env={"TRACEPARENT": PARENT})
    assert "traceparent" not in message(project.store, ran.out.strip())


@pytest.mark.parametrize("module", ["jobctl.ops.serve", "jobctl.client", "jobctl.engine.process.process"])
def test_nothing_is_imported_where_it_is_off(module: str) -> None:
    """By jobctl: redis-py imports metrics of OpenTelemetry where that is installed."""
    code = f"""
import sys, redis, redis.cluster, redis.sentinel
before = set(sys.modules)
import {module}
print([name for name in set(sys.modules) - before if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_it_is_said_what_to_install(cli: Cli) -> None:
    (cli.cwd / "jobs.yaml").write_text("version: 1\ntraces: true\njobs: {a: {command: [echo]}}\n")
    hidden = cli.cwd / "opentelemetry"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError('not here')\n")
    for command in (("worker",), ("scheduler",), ("enqueue", "a")):
        process = cli.start(*command, env={"PYTHONPATH": f"{cli.cwd}:{cli.env['PYTHONPATH']}",
                                           "JOBCTL_REDIS_URL": "redis://127.0.0.1:1"})  # fmt: skip
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "pip install 'jobctl[otel]'" in err
        assert "Traceback" not in err
