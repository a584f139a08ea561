"""Reads a catalog: a YAML file in, the frozen model out, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobctl.catalog import limits, templating
from jobctl.catalog.alerts import read_alert
from jobctl.catalog.exclusions import DateFiles
from jobctl.catalog.fields import INVALID
from jobctl.catalog.hooks import check_hooks
from jobctl.catalog.jobs import Defaults, read_defaults, read_job, read_keep
from jobctl.catalog.model import DEFAULT_NAMESPACE, Catalog, JobType, MiddlewareSpec, Queue, WorkerSettings
from jobctl.catalog.problems import CatalogError, Problem
from jobctl.catalog.report import Report
from jobctl.catalog.schedules import check_renames, read_schedule
from jobctl.catalog.source import MAX_BYTES, parse
from jobctl.catalog.table import CATALOG
from jobctl.errors import UsageError

__all__ = ["CatalogError", "Problem", "load", "load_text"]


def load(path: str | Path) -> Catalog:
    """The catalog in a file; its `path` is absolute.

    Raises CatalogError with every problem, or UsageError if the file cannot be read.
    """
    return load_text(read(path), str(path))


def read(path: str | Path) -> str:
    """The text of a catalog's file. Raises CatalogError or UsageError if it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"no catalog at {path}", "create one with `jobctl init`, or pass --catalog") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"the catalog {path} cannot be read: {reason}") from error
    return _decode(data, str(path))


def load_text(text: str, path: str = "jobs.yaml") -> Catalog:
    """The catalog in the text of the file `path`. Raises CatalogError with every problem."""
    return _load(text, path, str(Path(path).resolve()))


def _decode(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise CatalogError((Problem(shown, line, column, "", "the catalog is not UTF-8"),)) from error


def _load(text: str, shown: str, path: str) -> Catalog:
    report = Report(shown)
    root = parse(text, shown)
    report.visit((), root)
    values = CATALOG.read(root, (), report)
    if values is INVALID:
        report.raise_if_any()
    catalog = _build(values, path, report)
    report.raise_if_any()
    return catalog


def _build(values: Mapping[str, Any], path: str, report: Report) -> Catalog:
    defaults = read_defaults(values.get("defaults", {}), report)
    jobs = {name: read_job(name, job, defaults, report) for name, job in values.get("jobs", {}).items()}
    check_hooks(jobs, report)
    built_in = Catalog()
    max_payload = values.get("max_payload", built_in.max_payload_bytes)
    files = DateFiles(Path(path).parent)
    schedules = {
        name: read_schedule(name, schedule, jobs, max_payload, files, report)
        for name, schedule in values.get("schedules", {}).items()
    }
    check_renames(schedules, report)
    return Catalog(
        namespace=values.get("namespace", DEFAULT_NAMESPACE),
        path=path,
        queues=_queues(values.get("queues", {}), jobs, defaults, report),
        jobs=jobs,
        schedules=schedules,
        alerts={name: read_alert(name, alert, jobs, report) for name, alert in values.get("alerts", {}).items()},
        traces=values.get("traces", False),
        files=files.digests,
        max_payload_bytes=max_payload,
        unknown_after_ms=values.get("unknown_after", built_in.unknown_after_ms),
        default_keep=defaults.keep,
        worker=_worker(values.get("worker", {})),
        positions=report.positions(),
    )


def _worker(values: Mapping[str, Any]) -> WorkerSettings:
    """What is under `worker:`. A middleware is a target, or a mapping with one under `use`."""
    given = (item if isinstance(item, dict) else {"use": item} for item in values.get("middleware", ()))
    middleware = tuple(MiddlewareSpec(item.get("use", ""), item.get("options")) for item in given)
    max_block_ms = values.get("max_block", WorkerSettings().max_block_ms)
    return WorkerSettings(middleware, values.get("lifespan"), max_block_ms)


def _queues(
    given: Mapping[str, Any], jobs: Mapping[str, JobType], defaults: Defaults, report: Report
) -> dict[str, Queue]:
    """The queues that are listed, then those that only a job type names."""
    queues: dict[str, Queue] = {}
    for name in dict.fromkeys([*given, *(job.queue for job in jobs.values())]):
        values = given.get(name, {})
        keys = templating.common_keys(job.payload_schema for job in jobs.values() if job.queue == name)
        queues[name] = Queue(
            name,
            read_keep(values.get("keep", {}), defaults.keep),
            rate_limit=limits.read_rate_limit(values, ("queues", name), keys, report),
            concurrency=limits.read_concurrency(values, ("queues", name), keys, report),
        )
    return queues
