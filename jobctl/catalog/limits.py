"""Flow control of job types and queues: rate limits, concurrency, unique keys, expiry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobctl.catalog import templating
from jobctl.catalog.model import Concurrency, RateLimit, Uniqueness
from jobctl.catalog.problems import Path
from jobctl.catalog.report import Report, shown
from jobctl.catalog.templates import is_template
from jobctl.catalog.units import Rate, format_duration

Values = Mapping[str, Any]


_JOB_FIELDS = ("type",)
"""What `job` has in a key. With an id in it no two jobs would have the same."""


def read_rate_limit(values: Values, path: Path, keys: frozenset[str] | None, report: Report) -> RateLimit | None:
    """`rate_limit:` of the job type or queue at `path`; `keys` are those its payloads can have, None if not known."""
    given, place = values.get("rate_limit"), (*path, "rate_limit")
    if isinstance(given, Rate):
        return RateLimit(given.count, given.per_ms)
    if not given:
        return None
    _check_key(given.get("key"), (*place, "key"), keys, report)
    if "rate" not in given:
        return None
    rate, window = given["rate"], given.get("window", "smooth")
    if window != "smooth" and "burst" in given:
        report.add_at_key((*place, "burst"), f"`burst` has no effect with `window: {window}`", "remove it")
    return RateLimit(rate.count, rate.per_ms, given.get("key"), given.get("burst", 1), window)


def read_concurrency(values: Values, path: Path, keys: frozenset[str] | None, report: Report) -> Concurrency | None:
    """`concurrency:` of the job type or queue at `path`; `keys` as for a rate limit."""
    given, place = values.get("concurrency"), (*path, "concurrency")
    if isinstance(given, int):
        return Concurrency(given)
    if not given:
        return None
    _check_key(given.get("key"), (*place, "key"), keys, report)
    return Concurrency(given["max"], given.get("key")) if "max" in given else None


def read_unique(values: Values, path: Path, schema: Values | None, report: Report) -> Uniqueness | None:
    """`unique:` of the job type at `path`, whose payloads have this schema."""
    given, place = values.get("unique"), (*path, "unique")
    if not given or "key" not in given:
        return None
    key, mode = given["key"], given.get("on_conflict", "skip")
    if report.given((*place, "for")) and report.given((*place, "until")):
        report.add_at_key((*place, "until"), "expected at most one of `for` and `until`, found both")
    if mode == "extend" and not report.given((*place, "for")):
        hint = "add `for: 30s`, or use `on_conflict: replace`"
        report.add((*place, "on_conflict"), "`extend` restarts the time in `for`, but `for` is missing", hint)
    templating.check(key, (*place, "key"), templating.payload_keys(schema), report, job_fields=_JOB_FIELDS)
    if key in (schema or {}).get("properties", {}):
        report.add((*place, "key"), f"the key {shown(key)} is the same for every job", f'write "{{{{ {key} }}}}"')
    return Uniqueness(
        key=key,
        for_ms=given.get("for"),
        until=given.get("until", "finished"),
        on_conflict=mode,
        hold_when_dead=given.get("hold_when_dead", False),
    )


def read_expires(values: Values, path: Path, report: Report) -> int | None:
    """`expires:` of the job type at `path`, in ms."""
    expires: int | None = values.get("expires")
    unique = values.get("unique") or {}
    held = unique.get("for", 0) if unique.get("on_conflict") in ("replace", "extend") else 0
    if expires is not None and held >= expires:
        reason = f"jobs would expire before they start: `unique` delays each by {format_duration(held)}"
        report.add((*path, "expires"), reason, "set a longer time")
    return expires


def _check_key(key: str | None, path: Path, keys: frozenset[str] | None, report: Report) -> None:
    if key is None:
        return
    templating.check(key, path, keys, report, job_fields=_JOB_FIELDS)
    if not is_template(key):
        name = key if key.isidentifier() else "tenant"
        hint = f'write "{{{{ {name} }}}}" to use a payload value, or remove it'
        report.add(path, f"the key {shown(key)} is the same for every job", hint)
