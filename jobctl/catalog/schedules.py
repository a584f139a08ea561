"""The `schedules:` of a catalog: crons that fire, zones that exist, payloads that fit their job."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from jobctl import clock
from jobctl.catalog.exclusions import DateFiles, in_order
from jobctl.catalog.model import DAY_MS, JobType, Schedule
from jobctl.catalog.problems import Path, did_you_mean, one_of
from jobctl.catalog.report import Report, shown
from jobctl.catalog.templates import TemplateProblem
from jobctl.catalog.ticks import payload_of

_KINDS = ("cron", "every", "at")
_IN_ZONE = frozenset(("anchor", "start", "end", "exclude"))
"""Keys that are read in `timezone`, whatever kind of schedule it is."""
_FIELDS = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_SOME_DAY = datetime(2024, 1, 1)
_SOME_TICK = "2026-01-01T00:00:00+00:00"
_URL = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?")
_MAX_CRON = 512


def read_schedule(
    name: str,
    values: Mapping[str, Any],
    jobs: Mapping[str, JobType],
    max_payload: int,
    files: DateFiles,
    report: Report,
) -> Schedule:
    """One entry under `schedules:`; problems go to the report. `max_payload` is in bytes."""
    path: Path = ("schedules", name)
    _check_trigger(values, path, report)
    _check_policies(values, path, report)
    payload = values.get("payload", {})
    job = values.get("job", "")
    if job and not report.given(("jobs", job)):
        report.add((*path, "job"), f"unknown job type `{job}`", did_you_mean(job, jobs))
    elif job in jobs:
        _check_payload(jobs[job], payload, path, report)
    if len(json.dumps(payload).encode()) > max_payload:
        report.add((*path, "payload"), f"the payload is above `max_payload`, {max_payload} bytes")
    zone = values.get("timezone", "UTC") if report.sound((*path, "timezone")) else "UTC"
    start, end = (_instant(values.get(key), zone, last=key == "end") for key in ("start", "end"))
    if start is not None and end is not None and end < start:
        report.add((*path, "end"), "`end` is before `start`")
    exclude = values.get("exclude", ())
    if isinstance(exclude, Mapping):
        file = exclude.get("file")
        exclude = () if file is None else files.read(file, (*path, "exclude", "file"), report)
    return Schedule(
        name=name,
        job=job,
        cron=values.get("cron"),
        every_ms=values.get("every"),
        anchor_ms=_instant(values.get("anchor"), zone) or 0,
        at_ms=tuple(sorted({_instant(at, zone) or 0 for at in _listed(values.get("at", ()))})),
        timezone=zone,
        jitter_ms=values.get("jitter", 0),
        start_ms=start,
        end_ms=end,
        exclude=in_order(exclude),
        payload=payload,
        catch_up=values.get("catch_up", "none"),
        window_ms=values.get("window", DAY_MS),
        overlap=values.get("overlap", "allow"),
        pause_on_failure=values.get("pause_on_failure", 0),
        heartbeat=values.get("heartbeat"),
        tolerance_ms=values.get("tolerance", 60_000),
        was=values.get("was"),
    )


def check_renames(schedules: Mapping[str, Schedule], report: Report) -> None:
    """That no two schedules are the same one renamed."""
    known: dict[str, str] = {}
    for name, schedule in schedules.items():
        if schedule.was is not None and known.setdefault(schedule.was, name) != name:
            reason = f"`{known[schedule.was]}` was `{schedule.was}`, too"
            report.add(("schedules", name, "was"), reason, "remove one of them")


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _instant(moment: datetime | None, zone: str, *, last: bool = False) -> int | None:
    """Epoch ms of a moment, which is read in `zone` unless it says its own. Of a date: its first instant, or its
    `last`."""
    from zoneinfo import ZoneInfo

    if moment is None:
        return None
    if type(moment) is date:
        moment = datetime.combine(moment, time(23, 59, 59, 999_000) if last else time.min)
    return clock.to_ms(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))


@lru_cache(maxsize=1024)
def cron_problem(expression: str) -> str | None:
    """What is wrong with a cron expression, or None. One that never fires is wrong."""
    from cronsim import CronSim, CronSimError

    from jobctl.catalog.ticks import SHORTHANDS, fields

    if expression.startswith("@") and expression.strip().lower() not in SHORTHANDS:
        return f"expected {one_of(SHORTHANDS)} or five or six fields, found {shown(expression)}"
    second, minutes = fields(expression)
    parts = [second, *minutes.split()]
    if len(parts) != len(_FIELDS) or len(expression) > _MAX_CRON:
        return f"expected five fields ({', '.join(_FIELDS[1:])}), or six with seconds first, found {shown(expression)}"
    try:
        next(CronSim(" ".join(parts), _SOME_DAY))
    except CronSimError as error:
        if "day-of-month" in str(error) and _fires([*parts[:4], "*", parts[5]]):
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
    given = [kind for kind in _KINDS if report.given((*path, kind))]
    if len(given) != 1:
        found = " and ".join(f"`{kind}`" for kind in given) or "none of them"
        report.add(path, f"expected exactly one of {', '.join(f'`{kind}`' for kind in _KINDS)}, found {found}")
    cron, zone = values.get("cron"), values.get("timezone")
    if cron is not None and (problem := cron_problem(cron)):
        report.add((*path, "cron"), problem)
    if given != ["every"] and report.given((*path, "anchor")):
        report.add_at_key((*path, "anchor"), "`anchor` works only with `every`", "remove it")
    if given == ["every"] and report.given((*path, "timezone")) and not values.keys() & _IN_ZONE:
        reason = "`timezone` has no effect on `every` alone, which counts from the epoch"
        report.add_at_key((*path, "timezone"), reason, "remove it, or add `anchor`, or use `cron`")
    if zone is not None:
        _check_zone(zone, (*path, "timezone"), report)


def _check_policies(values: Mapping[str, Any], path: Path, report: Report) -> None:
    if report.given((*path, "window")) and values.get("catch_up", "none") == "none":
        report.add_at_key(
            (*path, "window"),
            "`window` has no effect without `catch_up`",
            "add `catch_up: latest` or `all`, or remove it",
        )
    was = values.get("was")
    if was == path[-1]:
        report.add((*path, "was"), "`was` is the schedule's own name", "remove it")
    elif was is not None and report.given(("schedules", was)):
        report.add((*path, "was"), f"the catalog still has a schedule `{was}`", "remove that one, or `was`")
    url = values.get("heartbeat")
    if url is not None and not _URL.fullmatch(url):
        report.add((*path, "heartbeat"), f"expected an absolute http(s) URL, found {shown(url)}")


def zone_problem(zone: str) -> str | None:
    """That a time zone is not known, or None."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"unknown time zone {shown(zone)}"
    return None


def _check_zone(zone: str, path: Path, report: Report) -> None:
    if problem := zone_problem(zone):
        import zoneinfo

        hint = did_you_mean(zone, zoneinfo.available_timezones())
        report.add(path, problem, hint or "use a name such as `Europe/Berlin` or `UTC`")


def _check_payload(job: JobType, payload: Any, path: Path, report: Report) -> None:
    """The payload as it would be for some tick."""
    from jobctl.catalog.payload import validator

    if not report.sound((*path, "payload")):
        return
    try:
        payload = payload_of(payload, _SOME_TICK, _SOME_TICK)
    except TemplateProblem as problem:
        report.add((*path, "payload"), str(problem), "a schedule's payload sees `tick` and `previous_tick`")
        return
    if job.payload_schema is None:
        return
    for inner, message in validator(job).problems(payload):
        report.add((*path, "payload", *inner), f"the payload does not fit `{job.name}`: {message}")
