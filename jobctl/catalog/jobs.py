"""The `jobs:` and `defaults:` of a catalog: values that were read become job types, defaults applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import msgspec

from jobctl.catalog import limits, templating
from jobctl.catalog.model import (
    DEFAULT_QUEUE,
    ActorSpec,
    CommandSpec,
    External,
    HandlerSpec,
    HttpSpec,
    JobType,
    Keep,
    PythonSpec,
    RetryPolicy,
)
from jobctl.catalog.problems import Path, did_you_mean, one_of
from jobctl.catalog.report import Report, shown
from jobctl.catalog.table import HANDLERS
from jobctl.catalog.templates import is_template
from jobctl.catalog.units import format_duration
from jobctl.redaction import MAX_PATTERNS

Values = Mapping[str, Any]

_ORIGIN = re.compile(r"(?i:https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish")
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
    return Keep(values.get("completed", inherited.completed_ms), values.get("count", inherited.count))


def read_retries(values: Values, inherited: RetryPolicy, path: Path, report: Report) -> RetryPolicy:
    """`retries:` over what is inherited. A back-off of one's own replaces inherited `delays`."""
    own_backoff = {"backoff", "delay"} & values.keys()
    if own_backoff and "delays" in values:
        report.add((*path, "delays"), f"`delays` says every delay, so {one_of(sorted(own_backoff))} has no effect")
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
    templated = [kind for kind in ("command", "http") if kind in values and report.sound((*path, kind))]
    handler = _read_handler(values, path, report)
    keys = templating.payload_keys(schema)
    for kind in templated:
        templating.check(values[kind], (*path, kind), keys, report)
    templating.check(values.get("label"), (*path, "label"), keys, report, job_fields=_LABEL_FIELDS)
    _check_isolation(values, path, report)
    return JobType(
        name=name,
        handler=handler,
        queue=values.get("queue", defaults.queue),
        payload_schema=schema,
        retries=read_retries(values.get("retries", {}), defaults.retries, (*path, "retries"), report),
        timeout_ms=values.get("timeout", defaults.timeout_ms),
        priority=values.get("priority", defaults.priority),
        label=values.get("label"),
        redact=_read_redact(values.get("redact", ()), (*path, "redact"), keys, report),
        rate_limit=limits.read_rate_limit(values, path, keys, report),
        concurrency=limits.read_concurrency(values, path, keys, report),
        unique=limits.read_unique(values, path, schema, report),
        expires_ms=limits.read_expires(values, path, report),
        isolate=values.get("isolate", False),
        memory_bytes=values.get("memory"),
    )


def _check_isolation(values: Values, path: Path, report: Report) -> None:
    """Commands have a process of their own anyway, and a request needs none."""
    if values.get("isolate") and not report.given((*path, "python")):
        report.add_at_key((*path, "isolate"), "only `python` jobs can be isolated", "remove it")
    if "memory" in values and not values.get("isolate") and report.sound((*path, "isolate")):
        report.add_at_key((*path, "memory"), "`memory` limits an isolated job only", "add `isolate: true`")


def _read_redact(patterns: tuple[str, ...], path: Path, keys: frozenset[str] | None, report: Report) -> tuple[str, ...]:
    """`redact:`, with a problem for each pattern that no payload can match: a slip that would show what is secret."""
    if len(patterns) > MAX_PATTERNS:
        report.add(path, f"expected at most {MAX_PATTERNS} patterns, found {len(patterns)}")
    for index, pattern in enumerate(patterns):
        first = pattern.partition(".")[0]
        if keys is not None and not any(fnmatchcase(key, first) or key.startswith(f"{first}.") for key in keys):
            hint = did_you_mean(first, keys) or f"the payload's `properties` are {', '.join(sorted(keys)[:10])}"
            report.add((*path, index), f"`{first}` is no key of the payload", hint)
    return patterns


def _read_handler(values: Values, path: Path, report: Report) -> HandlerSpec:
    given = [kind for kind in HANDLERS if report.given((*path, kind))]
    if len(given) != 1:
        found = f"found {', '.join(f'`{kind}`' for kind in given)}" if given else "found none of them"
        report.add(path, f"expected exactly one of {one_of(HANDLERS)}, {found}")
        return _PLACEHOLDER
    kind = given[0]
    if kind not in values or not report.sound((*path, kind)):
        return _PLACEHOLDER
    value, place = values[kind], (*path, kind)
    match kind:
        case "python":
            return PythonSpec(value)
        case "actor":
            return ActorSpec(value)
        case "command":
            return _read_command(value, place, report)
        case _:
            return _read_http(value, place, report)


def _read_command(value: Any, path: Path, report: Report) -> CommandSpec:
    values: Values = {"args": value} if isinstance(value, tuple) else value
    argv: tuple[str, ...] = values["args"]
    args_path = path if isinstance(value, tuple) else (*path, "args")
    if is_template(argv[0]) or not argv[0].strip():
        report.add(
            (*args_path, 0),
            f"the program is fixed, found {shown(argv[0])}",
            "only arguments may be templates",
        )
    for index in _shell_templates(argv):
        hint = 'pass the value as an argument of its own: `sh -c \'echo "$1"\' sh "{{ name }}"`'
        report.add((*args_path, index), "a payload cannot become part of a shell line", hint)
    return CommandSpec(argv, _read_secrets(values.get("env", {}), (*path, "env"), report), values.get("cwd"))


def _shell_templates(argv: tuple[str, ...]) -> list[int]:
    """Indices of templates that a shell would read as its program: the first operand after `-c`."""
    if PurePosixPath(argv[0]).name not in _SHELLS:
        return []
    for index, argument in enumerate(argv[1:], start=1):
        if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", argument):
            return [index + 1] if index + 1 < len(argv) and is_template(argv[index + 1]) else []
    return []


def _read_http(values: Values, path: Path, report: Report) -> HttpSpec:
    _check_url(values["url"], (*path, "url"), report)
    if "json" in values and "body" in values:
        report.add((*path, "body"), "expected at most one of `json` and `body`, found both")
    headers = _read_secrets(values.get("headers", {}), (*path, "headers"), report)
    for name, value in headers.items():
        if isinstance(value, str) and re.search(r"[\r\n]", value):
            report.add((*path, "headers", name), "a header's value is one line, found several")
    spec = HttpSpec(values["url"], headers=headers, json=values.get("json"), body=values.get("body"))
    return msgspec.structs.replace(
        spec,
        method=values.get("method", spec.method),
        timeout_ms=values.get("timeout", spec.timeout_ms),
    )


def _check_url(url: str, path: Path, report: Report) -> None:
    """Scheme, host and port must be fixed, so that no payload can choose where a request goes."""
    origin = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "{" in origin or is_template(url.partition("://")[0]):
        report.add(path, f"scheme, host and port cannot be templates, found {shown(url)}", "only path and query may")
        return
    match = _ORIGIN.match(url)
    if match is None or url[match.end() : match.end() + 1] not in ("", "/", "?", "#"):
        hint = "pass credentials in a header with `{env: NAME}`" if "@" in origin else ""
        report.add(path, f"expected an absolute http(s) URL, found {shown(url)}", hint)
    elif match["port"] and not 0 < int(match["port"]) < 65536:
        report.add(path, f"expected a port from 1 to 65535, found {match['port']}")
    elif re.search(r"[\s\x00-\x1f]", re.sub(r"\{[{%#].*?[}%#]\}", "", url, flags=re.DOTALL)):
        report.add(path, f"a URL has no spaces, found {shown(url)}", "write a space as %20")


def _read_secrets(values: Values, path: Path, report: Report) -> dict[str, str | External]:
    """Values of env or headers: text as it is, `{env: NAME}` and `{file: PATH}` as External."""
    read: dict[str, str | External] = {}
    for name, value in values.items():
        if isinstance(value, str):
            read[name] = value
        elif len(value) == 1:
            read[name] = External(*next(iter(value.items())))
        else:
            found = "both" if value else "an empty mapping"
            report.add((*path, name), f"expected `{{env: NAME}}` or `{{file: PATH}}`, found {found}")
    return read
