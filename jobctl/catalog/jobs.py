"""The `jobs:` and `defaults:` of a catalog: values that were read become job types, defaults applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from jobctl.catalog import limits, templating
from jobctl.catalog.hooks import read_hooks
from jobctl.catalog.kinds import KINDS
from jobctl.catalog.kinds.base import Spec
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import DEFAULT_QUEUE, JobType, Keep, RetryPolicy
from jobctl.catalog.problems import Path, did_you_mean, one_of
from jobctl.catalog.report import Report
from jobctl.catalog.units import format_duration
from jobctl.redaction import MAX_PATTERNS, covers

Values = Mapping[str, Any]

MAX_INDEXES = 5
_PLACEHOLDER = PythonSpec("missing:missing")
_LABEL_FIELDS = ("id", "type")
"""A label is rendered when the job is enqueued: there is no attempt yet, and no label."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What `defaults:` says, with the built-in values where it is silent."""

    queue: str = DEFAULT_QUEUE
    timeout_ms: int = 300_000
    priority: int = 0
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    keep: Keep = field(default_factory=Keep)


def read_defaults(values: Values, report: Report) -> Defaults:
    """`defaults:` over the built-in defaults."""
    path: Path = ("defaults",)
    return Defaults(
        queue=values.get("queue", DEFAULT_QUEUE),
        timeout_ms=values.get("timeout", Defaults().timeout_ms),
        priority=values.get("priority", 0),
        retries=read_retries(values.get("retries", {}), RetryPolicy(), (*path, "retries"), report),
        keep=read_keep(values.get("keep", {}), Keep()),
    )


def read_keep(values: Values, inherited: Keep) -> Keep:
    """`keep:` over what is inherited."""
    return Keep(
        values.get("completed", inherited.completed_ms),
        values.get("count", inherited.count),
        values.get("dead", inherited.dead_ms),
        values.get("dead_count", inherited.dead_count),
    )


def read_retries(values: Values, inherited: RetryPolicy, path: Path, report: Report) -> RetryPolicy:
    """`retries:` over what is inherited. A back-off of one's own replaces inherited `delays`."""
    own_backoff = {"backoff", "delay"} & values.keys()
    if own_backoff and "delays" in values:
        report.add((*path, "delays"), f"`delays` sets every delay, so {one_of(sorted(own_backoff))} has no effect")
    policy = RetryPolicy(
        max=values.get("max", inherited.max),
        backoff=values.get("backoff", inherited.backoff),
        delay_ms=values.get("delay", inherited.delay_ms),
        max_delay_ms=values.get("max_delay", inherited.max_delay_ms),
        jitter=values.get("jitter", inherited.jitter),
        delays_ms=values.get("delays", () if own_backoff else inherited.delays_ms),
        on=values.get("on", inherited.on),
        never_on=values.get("never_on", inherited.never_on),
    )
    if policy.delay_ms > policy.max_delay_ms and {"delay", "max_delay"} & values.keys():
        delay, longest = format_duration(policy.delay_ms), format_duration(policy.max_delay_ms)
        place = "delay" if "delay" in values else "max_delay"
        report.add((*path, place), f"the delay {delay} is above max_delay {longest}", f"set `max_delay: {delay}`")
    return policy


def read_job(name: str, values: Values, defaults: Defaults, report: Report) -> JobType:
    """One entry under `jobs:`; problems go to the report."""
    path: Path = ("jobs", name)
    schema = values.get("payload")
    templated = [
        name for name, kind in KINDS.items() if kind.templates and name in values and report.sound((*path, name))
    ]
    handler = _read_handler(values, path, report)
    keys = templating.payload_keys(schema)
    for kind in templated:
        templating.check(values[kind], (*path, kind), keys, report)
    templating.check(values.get("label"), (*path, "label"), keys, report, job_fields=_LABEL_FIELDS)
    _check_isolation(values, path, report)
    indexed = _read_index(values, path, keys, report)
    hidden = {key for key in indexed if any(covers(pattern, key) for pattern in values.get("redact", ()))}
    return JobType(
        name=name,
        handler=handler,
        queue=values.get("queue", defaults.queue),
        payload_schema=schema,
        retries=read_retries(values.get("retries", {}), defaults.retries, (*path, "retries"), report),
        timeout_ms=values.get("timeout", defaults.timeout_ms),
        priority=values.get("priority", defaults.priority),
        label=values.get("label"),
        index=tuple(key for key in indexed if key not in hidden),
        index_hidden=tuple(key for key in indexed if key in hidden),
        redact=_read_redact(values.get("redact", ()), (*path, "redact"), keys, report),
        rate_limit=limits.read_rate_limit(values, path, keys, report),
        concurrency=limits.read_concurrency(values, path, keys, report),
        unique=limits.read_unique(values, path, schema, report),
        expires_ms=limits.read_expires(values, path, report),
        isolate=values.get("isolate", False),
        memory_bytes=values.get("memory"),
        critical=values.get("critical", False),
        idempotent=values.get("idempotent", False),
        hooks=read_hooks(name, values, keys, report),
    )


def _check_isolation(values: Values, path: Path, report: Report) -> None:
    """Commands have a process of their own anyway, and a request needs none."""
    isolating = [f"`{kind.name}`" for kind in KINDS.values() if kind.isolates]
    if values.get("isolate") and not any(report.given((*path, kind.strip("`"))) for kind in isolating):
        report.add_at_key((*path, "isolate"), f"only {' and '.join(isolating)} jobs can be isolated", "remove it")
    if "memory" in values and not values.get("isolate") and report.sound((*path, "isolate")):
        report.add_at_key((*path, "memory"), "`memory` limits an isolated job only", "add `isolate: true`")


def _read_index(values: Values, path: Path, keys: frozenset[str] | None, report: Report) -> tuple[str, ...]:
    """`index:`, with a problem for each key that cannot be one."""
    found: tuple[str, ...] = values.get("index", ())
    if len(found) > MAX_INDEXES:
        report.add((*path, "index"), f"expected at most {MAX_INDEXES} keys, found {len(found)}")
    for place, key in enumerate(found):
        first = key.partition(".")[0]
        if keys is not None and not any(known == key or known.partition(".")[0] == first for known in keys):
            hint = did_you_mean(first, keys) or f"the payload's `properties` are {', '.join(sorted(keys)[:10])}"
            report.add((*path, "index", place), f"the payload has no key `{first}`", hint)
    return found


def _read_redact(patterns: tuple[str, ...], path: Path, keys: frozenset[str] | None, report: Report) -> tuple[str, ...]:
    """`redact:`, with a problem for each pattern that no payload can match: a slip that would show what is secret."""
    if len(patterns) > MAX_PATTERNS:
        report.add(path, f"expected at most {MAX_PATTERNS} patterns, found {len(patterns)}")
    for index, pattern in enumerate(patterns):
        first = pattern.partition(".")[0]
        if keys is not None and not any(fnmatchcase(key, first) or key.startswith(f"{first}.") for key in keys):
            hint = did_you_mean(first, keys) or f"the payload's `properties` are {', '.join(sorted(keys)[:10])}"
            report.add((*path, index), f"the payload has no key `{first}`", hint)
    return patterns


def _read_handler(values: Values, path: Path, report: Report) -> Spec:
    given = [kind for kind in KINDS if report.given((*path, kind))]
    if len(given) != 1:
        found = f"found {', '.join(f'`{kind}`' for kind in given)}" if given else "found none of them"
        report.add(path, f"expected exactly one of {one_of(KINDS)}, {found}")
        return _PLACEHOLDER
    kind = given[0]
    if kind not in values or not report.sound((*path, kind)):
        return _PLACEHOLDER
    value, place = values[kind], (*path, kind)
    return KINDS[kind].read(value, place, report)
