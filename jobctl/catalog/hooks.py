"""`on_dead`, `on_cancelled` and `on_completed` of job types: which job is enqueued when a job has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobctl.catalog import templating
from jobctl.catalog.model import Hook, JobType
from jobctl.catalog.problems import Path, did_you_mean
from jobctl.catalog.readers import NAME
from jobctl.catalog.report import Report
from jobctl.catalog.shapes import Either, Field, Object
from jobctl.catalog.values import Json

EVENTS = ("dead", "cancelled", "completed")
"""How a job may end; `on_EVENT` is the key."""
FIELDS = ("error", "message", "result")
"""What a hook's templates see besides the payload and `job`."""
JOB_FIELDS = ("id", "type", "queue", "state", "label", "attempts")
DEFAULT_KEYS = ("id", "type", "queue", "state", "label", "attempts", "payload", "error", "message", "result")
"""The payload of a hook that says none."""

HOOK = Either(
    "a job type, or a mapping with `job`",
    scalar=NAME,
    mapping=Object(
        {
            "job": Field(NAME, "The job type to enqueue.", required=True),
            "payload": Field(Json(mapping=True), "Its payload, whose strings may be templates."),
        },
        "a mapping with `job`",
    ),
)


def read_hooks(name: str, values: Mapping[str, Any], keys: frozenset[str] | None, report: Report) -> dict[str, Hook]:
    """The hooks of the job type `name`; `keys` are those its payloads can have, None if not known."""
    found: dict[str, Hook] = {}
    for event in EVENTS:
        given = values.get(f"on_{event}")
        if isinstance(given, str):
            found[event] = Hook(given)
        elif given and "job" in given:
            known = None if keys is None else keys | {*FIELDS}
            path: Path = ("jobs", name, f"on_{event}", "payload")
            templating.check(given.get("payload"), path, known, report, job_fields=JOB_FIELDS)
            found[event] = Hook(given["job"], given.get("payload"))
    return found


def check_hooks(jobs: Mapping[str, JobType], report: Report) -> None:
    """That hooks name job types that can be enqueued without a payload, which is made when they are fetched."""
    for job_type in jobs.values():
        for event, hook in job_type.hooks.items():
            path: Path = ("jobs", job_type.name, f"on_{event}")
            place = (*path, "job") if report.given((*path, "job")) else path
            target = jobs.get(hook.job)
            if target is not None:
                _check_target(target, hook, place, report)
            elif not report.given(("jobs", hook.job)):
                report.add(place, f"unknown job type `{hook.job}`", did_you_mean(hook.job, jobs))


def _check_target(target: JobType, hook: Hook, place: Path, report: Report) -> None:
    for key, has in (("unique", target.unique is not None), ("index", bool(target.index or target.index_hidden))):
        if has:
            reason = (
                f"`{target.name}` has `{key}`, which a job of a hook cannot have: its payload is made when it starts"
            )
            report.add(place, reason, f"name a type without `{key}`")
    required = (target.payload_schema or {}).get("required", ())
    given = DEFAULT_KEYS if hook.payload is None else tuple(hook.payload)
    if missing := [key for key in required if key not in given]:
        report.add(place, f"`{target.name}` needs `{missing[0]}`", f"give it: `payload: {{{missing[0]}: …}}`")
