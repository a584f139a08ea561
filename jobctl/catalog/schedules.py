"""The `schedules:` of a catalog: crons that fire, zones that exist, payloads that fit their job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobctl.catalog.model import JobType, Schedule
from jobctl.catalog.problems import Path, did_you_mean
from jobctl.catalog.report import Report, shown

_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SOME_DAY = datetime(2024, 1, 1)
_MAX_CRON = 512


def read_schedule(
    name: str, values: Mapping[str, Any], jobs: Mapping[str, JobType], max_payload: int, report: Report
) -> Schedule:
    """One entry under `schedules:`; problems go to the report. `max_payload` is in bytes."""
    path: Path = ("schedules", name)
    _check_trigger(values, path, report)
    payload = values.get("payload", {})
    job = values.get("job", "")
    if job and not report.given(("jobs", job)):
        report.add((*path, "job"), f"unknown job type `{job}`", did_you_mean(job, jobs))
    elif job in jobs:
        _check_payload(jobs[job], payload, path, report)
    if len(json.dumps(payload).encode()) > max_payload:
        report.add((*path, "payload"), f"the payload is above `max_payload`, {max_payload} bytes")
    return Schedule(
        name=name,
        job=job,
        cron=values.get("cron"),
        every_ms=values.get("every"),
        timezone=values.get("timezone", "UTC"),
        payload=payload,
    )


def cron_problem(expression: str) -> str | None:
    """What is wrong with a cron expression of five fields, or None. One that never fires is wrong."""
    from cronsim import CronSim, CronSimError

    parts = expression.split()
    if len(parts) != len(_FIELDS) or len(expression) > _MAX_CRON:
        return f"expected five fields ({', '.join(_FIELDS)}), found {shown(expression)}"
    try:
        next(CronSim(expression, _SOME_DAY))
    except CronSimError as error:
        if "day-of-month" in str(error) and _fires([*parts[:3], "*", parts[4]]):
            return f"the cron expression {shown(expression)} never fires: no such day in that month"
        field = str(error).removeprefix("Bad ")
        found = shown(parts[_FIELDS.index(field)]) if field in _FIELDS else shown(expression)
        return f"the {field} of the cron expression cannot be {found}"
    except (StopIteration, ValueError, OverflowError):
        return f"the cron expression {shown(expression)} never fires"
    return None


def _fires(parts: list[str]) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(" ".join(parts), _SOME_DAY))
    except (CronSimError, StopIteration, ValueError, OverflowError):
        return False
    return True


def _check_trigger(values: Mapping[str, Any], path: Path, report: Report) -> None:
    given = [kind for kind in ("cron", "every") if report.given((*path, kind))]
    if len(given) != 1:
        found = "both" if given else "neither"
        report.add(path, f"expected exactly one of `cron` and `every`, found {found}")
    cron, zone = values.get("cron"), values.get("timezone")
    if cron is not None and (problem := cron_problem(cron)):
        shorthand = _SHORTHANDS.get(cron.strip().lower())
        report.add((*path, "cron"), problem, f'write "{shorthand}"' if shorthand else "")
    if given == ["every"] and report.given((*path, "timezone")):
        reason = "`timezone` has no effect beside `every`, whose ticks are aligned to the epoch"
        report.add_at_key((*path, "timezone"), reason, "remove it, or say when with `cron`")
    if zone is not None:
        _check_zone(zone, (*path, "timezone"), report)


def _check_zone(zone: str, path: Path, report: Report) -> None:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(zone, zoneinfo.available_timezones())
        report.add(path, f"unknown time zone {shown(zone)}", hint or "such as `Europe/Berlin` or `UTC`")


def _check_payload(job: JobType, payload: Any, path: Path, report: Report) -> None:
    from jobctl.catalog.payload import validator

    if job.payload_schema is None or not report.sound((*path, "payload")):
        return
    for inner, message in validator(job).problems(payload):
        report.add((*path, "payload", *inner), f"the payload does not fit `{job.name}`: {message}")
