"""The `alerts:` of a catalog: conditions, and who is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from jobctl.catalog import templating
from jobctl.catalog.kinds import KINDS
from jobctl.catalog.kinds.http import HttpSpec
from jobctl.catalog.model import Alert, JobType
from jobctl.catalog.problems import Path, did_you_mean, one_of
from jobctl.catalog.report import Report, shown
from jobctl.catalog.units import parse_duration, parse_size

CHANNELS = ("command", "http", "job")
"""The keys of an alert that say who is told; exactly one."""
NOTICE_FIELDS = (
    "alert", "state", "summary", "when", "measure", "value", "limit", "unit", "worst", "filter", "since", "namespace",
)  # fmt: skip
"""What the templates of an alert see, and what a notice as JSON holds."""
SAMPLE: Mapping[str, Any] = {
    "alert": "name", "state": "firing", "summary": "text", "when": "dead > 0", "measure": "dead", "value": 1.0,
    "limit": 0.0, "unit": "", "worst": "default", "filter": "", "since": "2026-01-01T00:00:00.000Z",
    "namespace": "name",
}  # fmt: skip
_WHEN = re.compile(r"\s*([a-z_]+)\s*([<>]=?|==?)\s*(\S+)\s*")
_SHORTEST_MS, _LONGEST_MS = 60_000, 179 * 60_000
"""What a failure rate may look at."""
_BODILESS = ("GET", "HEAD")


class Condition(NamedTuple):
    """`when:` as it was read: the measure, its limit in the unit (s, %, B, or empty for a number), and its text."""

    measure: str
    limit: float
    unit: str
    text: str


class _Measure(NamedTuple):
    sign: str
    read: Callable[[str], tuple[float, str]]
    """The limit and its unit. Raises ValueError."""
    example: str


def _count(text: str) -> tuple[float, str]:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ValueError("a whole number")
    return float(text), ""


def _seconds(text: str) -> tuple[float, str]:
    try:
        return parse_duration(text) / 1000, "s"
    except ValueError:
        raise ValueError("a duration such as `5m`") from None


def _percent(text: str) -> tuple[float, str]:
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)%", text)
    if match is None or float(match[1]) > 100:
        raise ValueError("a share such as `5%`")
    return float(match[1]), "%"


def _memory(text: str) -> tuple[float, str]:
    try:
        return _percent(text) if text.endswith("%") else (float(parse_size(text)), "B")
    except ValueError:
        raise ValueError("a share of maxmemory such as `90%`, or a size such as `2GB`") from None


MEASURES: Mapping[str, _Measure] = {
    "dead": _Measure(">", _count, "dead > 0"),
    "latency": _Measure(">", _seconds, "latency > 5m"),
    "waiting": _Measure(">", _count, "waiting > 1000"),
    "failure_rate": _Measure(">", _percent, "failure_rate > 5%"),
    "workers": _Measure("<", _count, "workers < 1"),
    "late": _Measure(">", _seconds, "late > 2m"),
    "memory": _Measure(">", _memory, "memory > 90%"),
}
"""What an alert can watch: in which direction it is bad, and how its limit is written."""
OF_ALL = ("late", "memory")
"""Measures of the whole deployment, which take no filter."""


def parse_when(text: str) -> Condition:
    """The condition that a text states. Raises ValueError with what was expected."""
    match = _WHEN.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a condition such as `latency > 5m`, found {shown(text)}")
    name, sign, limit = match.groups()
    known = MEASURES.get(name)
    if known is None:
        hint = did_you_mean(name, MEASURES)
        raise ValueError(f"expected one of {', '.join(MEASURES)}, found {shown(name)}" + (f"; {hint}" if hint else ""))
    if sign != known.sign:
        raise ValueError(f"expected `{name} {known.sign}`, as in `{known.example}`, found {shown(text)}")
    try:
        number, unit = known.read(limit)
    except ValueError as problem:
        raise ValueError(f"expected {problem} after `{name} {sign}`, found {shown(limit)}") from None
    return Condition(name, number, unit, f"{name} {sign} {limit}")


def read_alert(name: str, values: Mapping[str, Any], jobs: Mapping[str, JobType], report: Report) -> Alert:
    """One entry under `alerts:`; problems go to the report."""
    path: Path = ("alerts", name)
    condition: Condition = values.get("when") or Condition("dead", 0, "", "")
    given = [key for key in CHANNELS if report.given((*path, key))]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) or "none of them"
        report.add(path, f"expected exactly one of {one_of(CHANNELS)}, found {found}")
    if report.given((*path, "filter")) and condition.measure in OF_ALL:
        reason = f"`{condition.measure}` is measured of the whole deployment"
        report.add_at_key((*path, "filter"), reason, "remove `filter`")
    if report.given((*path, "window")) and condition.text and condition.measure != "failure_rate":
        report.add_at_key((*path, "window"), "`window` is only for `failure_rate`", "remove it")
    if not _SHORTEST_MS <= values.get("window", _SHORTEST_MS) <= _LONGEST_MS:
        report.add((*path, "window"), "expected from `1m` to `179m`: minutes are counted, for three hours")
    _check_job(values, path, jobs, report)
    return Alert(
        name=name,
        when=condition.text,
        measure=condition.measure,
        limit=condition.limit,
        unit=condition.unit,
        filter=values.get("filter", ""),
        for_ms=values.get("for", 0),
        repeat_ms=values.get("repeat", 0),
        window_ms=values.get("window", 300_000),
        handler=_handler(values, path, report),
        job=values.get("job"),
        payload=values.get("payload"),
    )


def _handler(values: Mapping[str, Any], path: Path, report: Report) -> Any:
    for key in ("command", "http"):
        if key in values and report.sound((*path, key)):
            templating.check(values[key], (*path, key), frozenset(NOTICE_FIELDS), report, job_fields=())
            spec = KINDS[key].read(values[key], (*path, key), report)
            if isinstance(spec, HttpSpec) and spec.json is None and spec.body is None and spec.method not in _BODILESS:
                spec = msgspec.structs.replace(spec, json="{{ payload }}")
            return spec
    return None


def _check_job(values: Mapping[str, Any], path: Path, jobs: Mapping[str, JobType], report: Report) -> None:
    from jobctl.catalog.payload import validator
    from jobctl.catalog.templates import TemplateProblem, compile_value

    job, payload = values.get("job"), values.get("payload")
    if payload is not None and not report.given((*path, "job")):
        report.add_at_key((*path, "payload"), "`payload` is that of a `job`", "remove it")
    if job is None:
        return
    if job not in jobs:
        if not report.given(("jobs", job)):
            report.add((*path, "job"), f"unknown job type `{job}`", did_you_mean(job, jobs))
        return
    if payload is not None:
        templating.check(payload, (*path, "payload"), frozenset(NOTICE_FIELDS), report, job_fields=())
    if jobs[job].payload_schema is None or not report.sound((*path, "payload")):
        return
    try:
        sample = dict(SAMPLE) if payload is None else compile_value(payload)({**SAMPLE, "payload": dict(SAMPLE)})
    except TemplateProblem as problem:
        report.add((*path, "payload"), str(problem))
        return
    place = (*path, "job") if payload is None else (*path, "payload")
    for inner, message in validator(jobs[job]).problems(sample):
        where = place if payload is None else (*place, *inner)
        report.add(where, f"the payload does not fit `{job}`: {message}", "say with `payload` what it is given")
