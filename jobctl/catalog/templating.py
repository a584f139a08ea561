"""Checks the templates of a job type against what its payload can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobctl.catalog.problems import Path, did_you_mean
from jobctl.catalog.report import Report
from jobctl.catalog.templates import (
    JOB_FIELDS,
    TemplateProblem,
    compile_text,
    is_template,
    keys_read,
    undeclared_names,
)

_COMPOSED = ("$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", "$dynamicRef")


def payload_keys(schema: Mapping[str, Any] | None) -> frozenset[str] | None:
    """The keys that a payload can have, or None if the schema does not list them all."""
    if schema is None or "properties" not in schema or any(word in schema for word in _COMPOSED):
        return None
    if schema.get("additionalProperties", False) is not False:
        return None
    return frozenset(schema["properties"])


def common_keys(schemas: Iterable[Mapping[str, Any] | None]) -> frozenset[str] | None:
    """The keys that payloads of these schemas can have; None without a schema, or if one does not list them all."""
    known = [payload_keys(schema) for schema in schemas]
    listed = [keys for keys in known if keys is not None]
    return frozenset().union(*listed) if listed and len(listed) == len(known) else None


def templates_in(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every template inside a JSON value, with its path."""
    if isinstance(value, str):
        if is_template(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from templates_in(member, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from templates_in(item, (*path, index))


def check(
    value: Any,
    path: Path,
    keys: frozenset[str] | None,
    report: Report,
    *,
    job_fields: tuple[str, ...] = JOB_FIELDS,
) -> None:
    """Report every template in `value` that does not parse or names a payload key that cannot be there."""
    for place, template in templates_in(value, path):
        try:
            compile_text(template)
            unknown = sorted(_unknown_keys(template, keys)) if keys is not None else []
            fields = sorted(keys_read(template, "job") - set(job_fields))
        except TemplateProblem as problem:
            report.add(place, str(problem))
            continue
        for name in unknown:
            known = {*(keys or ()), "payload", "job"}
            hint = did_you_mean(name, known) or f"add it to the payload's `properties`, which are {_listed(keys)}"
            report.add(place, f"the template names `{name}`, which the payload does not have", hint)
        for name in fields:
            report.add(place, f"the template names `job.{name}`", f"`job` has {', '.join(job_fields)} here")


def _unknown_keys(template: str, keys: frozenset[str]) -> frozenset[str]:
    at_top = undeclared_names(template) - {"payload", "job"}
    return (at_top | keys_read(template, "payload")) - keys


def _listed(keys: frozenset[str] | None) -> str:
    return ", ".join(sorted(keys or ())[:10]) or "empty"
