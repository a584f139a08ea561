"""Payloads at the edge: checked against the job type's schema, its size limit, and read from `key=text`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobctl import redaction
from jobctl.catalog.defaults import filled, has_defaults, resolved
from jobctl.catalog.model import Catalog, JobType
from jobctl.catalog.problems import did_you_mean, dotted, nearest, printable
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

MAX_DEPTH = 100
"""Levels of objects and arrays in a payload."""
_MAX_EXPLAINED = 160
_MAX_PROBLEMS = 20
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_ORDER = ("null", "boolean", "integer", "number", "string")


class Validator:
    """Checks payloads of one job type and fills in the defaults of its schema. Compiled once; thread-safe."""

    __slots__ = ("_compiled", "_is_valid", "_job_type", "_with_defaults")

    def __init__(self, job_type: JobType) -> None:
        self._job_type = job_type
        self._compiled = compile_schema(job_type.payload_schema or {"type": "object"})
        self._is_valid = self._compiled.is_valid
        self._with_defaults = has_defaults(job_type.payload_schema)

    def fit(self, payload: Any) -> Any:
        """The payload with the schema's defaults for what it leaves out; the same object where there are none.

        Raises UsageError with everything that is wrong, in one line.
        """
        if self._with_defaults:
            payload = filled(self._job_type.payload_schema or {}, payload)
        self.check(payload)
        return payload

    def check(self, payload: Any) -> None:
        """Raise UsageError with everything that is wrong with a payload whose defaults are filled in, in one line."""
        try:
            valid = self._is_valid(payload)
        except ValueError as error:
            raise UsageError(f"the payload of `{self._job_type.name}` is not JSON: {error}") from error
        if not valid:
            problems = "; ".join(message for _, message in self.problems(payload))
            raise UsageError(f"the payload does not fit `{self._job_type.name}`: {problems}")

    def problems(self, payload: Any) -> list[tuple[tuple[str | int, ...], str]]:
        """Each problem's path inside the payload, defaults filled in, and its text, path included. At most 20."""
        if self._with_defaults:
            payload = filled(self._job_type.payload_schema or {}, payload)
        found: list[tuple[tuple[str | int, ...], str]] = []
        shown = redaction.hide(self._job_type.redact, payload)
        for error in self._compiled.iter_errors(payload):
            if len(found) == _MAX_PROBLEMS:
                found.append(((), "and more"))
                break
            path = tuple(error.instance_path)
            secret = shown is not payload and _dig(shown, path) is not _dig(payload, path)
            text = f"does not fit `{error.kind.name}`; its value is redacted" if secret else explain(error)
            found.append((path, f"{dotted(path)}: {text}" if path else text))
        return found


def _dig(value: Any, path: tuple[str | int, ...]) -> Any:
    """What is at a path; there is nothing below a hidden value."""
    for part in path:
        if not isinstance(value, Mapping | list | tuple):
            break
        value = value[part]  # type: ignore[index]  # the path is the payload's own
    return value


def validator(job_type: JobType) -> Validator:
    """A compiled validator of the job type's payloads; a type without a schema takes any object."""
    return Validator(job_type)


def compile_schema(schema: Mapping[str, Any]) -> Any:
    """A compiled JSON Schema with formats checked. Nothing is ever fetched.

    Raises jsonschema_rs.ValidationError or ReferencingError for a schema that cannot be used.
    """
    import jsonschema_rs

    return jsonschema_rs.validator_for(dict(schema), validate_formats=True, ignore_unknown_formats=False, offline=True)


def explain(error: ValidationError) -> str:
    """One validation error in words: what was expected, what was found."""
    kind, value = error.kind, error.kind.value
    found = _shown(error.instance)
    match kind.name:
        case "type":
            text = f"expected {_either(value)}, found {found}"
        case "format":
            text = f"expected the format {value}, found {found}"
        case "enum":
            text = f"expected one of {', '.join(map(_shown, value))}, found {found}"
        case "const":
            text = f"expected {_shown(value)}, found {found}"
        case "required":
            text = f"`{value}` is missing"
        case "additionalProperties":
            text = f"unknown {', '.join(f'`{name}`' for name in value)}"
        case "anyOf" | "oneOf" if isinstance(value, list) and all(value):
            text = " or ".join(dict.fromkeys(explain(branch[0]) for branch in value))
        case _:
            text = error.message
    return _bounded(text)


def check_size(size: int, limit: int) -> None:
    """Raise UsageError if an encoded payload of `size` bytes is above `limit` bytes."""
    if size > limit:
        hint = "pass a reference to the data instead, or raise `max_payload` in the catalog"
        raise UsageError(f"the payload has {size} bytes, the limit is {limit}", hint)


def check_depth(payload: Mapping[str, Any], encoded: bytes | None) -> None:
    """Raise UsageError if a payload is nested more than MAX_DEPTH levels deep: programs that read it could not.

    `encoded` is its JSON, where it is known: with so few brackets in it, nobody has to look closer.
    """
    if encoded is not None and encoded.count(b"{") + encoded.count(b"[") <= MAX_DEPTH:
        return
    level: list[Any] = [payload]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, Mapping) else value)
            if isinstance(inner, Mapping | list | tuple)
        ]
        if not level:
            return
    raise UsageError(
        f"the payload is nested more than {MAX_DEPTH} levels deep", "pass it as text, or a reference to it"
    )


def coerce(job_type: JobType, key: str, text: str) -> Any:
    """The value of the command line's `key=text`, typed as the schema says; text where it says nothing.

    Raises UsageError if the text is not of that type, or if the type is an array or an object.
    """
    schema = _property(job_type.payload_schema or {}, key)
    if "type" not in schema:
        return _from_options(schema, text)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    for kind in _ORDER:
        if kind in kinds:
            try:
                return _coerced(kind, text)
            except ValueError:
                continue
    if not set(kinds) & set(_ORDER):
        raise UsageError(f"`{key}` is an {_either(kinds)}", f"write it as JSON: {key}:='...'")
    raise UsageError(f"expected {_either(kinds)} for `{key}`, found {_shown(text)}")


def job_type(catalog: Catalog, name: str) -> JobType:
    """The job type of that name. Raises UsageError with the nearest name if there is none."""
    found = catalog.jobs.get(name)
    if found is None:
        raise nearest_type(catalog, name)
    return found


def nearest_type(catalog: Catalog, name: str) -> UsageError:
    """The error for a job type that the catalog does not have."""
    message = f"unknown job type `{_bounded(name)}`"
    if nearest(name, catalog.jobs):
        return UsageError(message, did_you_mean(name, catalog.jobs))
    return UsageError(message, f"the catalog has {', '.join(sorted(catalog.jobs)[:10]) or 'no jobs'}")


def _property(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The schema of one key of the payload, local references followed."""
    return resolved(schema.get("properties", {}).get(key, schema.get("additionalProperties")), schema)


def _from_options(schema: Mapping[str, Any], text: str) -> Any:
    """Text, unless `enum` or `const` holds a value that is written so and not the text itself."""
    options = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    if text in options:
        return text
    return next((option for option in options if not isinstance(option, str) and _shown(option) == text), text)


def _coerced(kind: str, text: str) -> Any:
    match kind:
        case "null" if text == "null":
            return None
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "number" if _INTEGER.fullmatch(text):
            return int(text)
        case "number" if _NUMBER.fullmatch(text) and abs(float(text)) < float("inf"):
            return float(text)
        case "string":
            return text
    raise ValueError(text)


def _either(kinds: Any) -> str:
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _shown(value: Any) -> str:
    import json

    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = type(value).__name__
    shown = printable(text[:61])  # escapes make it longer
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _bounded(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _MAX_EXPLAINED else line[: _MAX_EXPLAINED - 3] + "..."
