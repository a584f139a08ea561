"""Readers of free JSON: schedule payloads, HTTP bodies and payload schemas."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jobctl.catalog.fields import INVALID
from jobctl.catalog.mappings import entries
from jobctl.catalog.problems import Path, did_you_mean
from jobctl.catalog.report import Report, found, shown
from jobctl.catalog.source import Node

_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_LATEST = "https://json-schema.org/draft/2020-12/schema"
_DIALECTS = (
    _LATEST,
    "https://json-schema.org/draft/2019-09/schema",
    *(f"http://json-schema.org/draft-0{number}/schema" for number in (4, 6, 7)),
)
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_FORMATS = (
    *(
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "iri",
    ),
    *("iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference"),
    *("uri-template", "uuid"),
)


@dataclass(frozen=True, slots=True)
class Json:
    """Any JSON value; with `mapping`, an object. Only `true` and `false` are booleans; dates are text."""

    mapping: bool = False

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if self.mapping and node.type != "mapping":
            report.add(path, f"expected a mapping, found {found(node)}")
            return INVALID
        return _read(node, path, report)

    def schema(self) -> dict[str, Any]:
        return {"type": "object"} if self.mapping else {}


def _read(node: Node, path: Path, report: Report) -> Any:
    match node.type:
        case "list":
            return _read_list(node, path, report)
        case "mapping":
            return _read_mapping(node, path, report)
        case "null":
            return None
        case "bool":
            return node.text.lower() == "true"
        case "str" | "merge":
            return node.text
        case "int" | "float":
            return _read_number(node, path, report)
    report.add(path, f"expected a JSON value, found {found(node)}")
    return INVALID


def _read_list(node: Node, path: Path, report: Report) -> list[Any]:
    values = []
    for index, child in enumerate(node.items):
        report.visit((*path, index), child)
        values.append(_read(child, (*path, index), report))
    return [value for value in values if value is not INVALID]


def _read_mapping(node: Node, path: Path, report: Report) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, child in entries(node, path, report):
        inner = (*path, key.text)
        if key.type not in ("str", "merge"):
            report.add_at_key(inner, f"expected a key that is text, found {found(key)}", "quote it")
        value = _read(child, inner, report)
        if value is not INVALID:
            values[key.text] = value
    return values


def _read_number(node: Node, path: Path, report: Report) -> Any:
    """A number that JSON and the payload's readers can hold: finite, and whole ones within 64 bits."""
    text = node.text
    if _LEADING_ZERO.fullmatch(text):
        report.add(path, f"{shown(text)} may be text or a number", "quote it, or drop the leading zero")
        return INVALID
    try:
        number: int | float = float(text) if node.type == "float" else int(text, 0)
    except ValueError:
        number = math.nan
    if math.isfinite(number) if isinstance(number, float) else -(2**63) <= number < 2**63:
        return number
    report.add(path, f"expected a finite number within 64 bits, found {shown(text)}")
    return INVALID


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """A JSON Schema of a payload. A payload is an object, so `type: object` is understood."""

    def read(self, node: Node, path: Path, report: Report) -> Any:
        schema = Json(mapping=True).read(node, path, report)
        if schema is INVALID or not report.sound(path):
            return INVALID
        if schema.setdefault("type", "object") != "object":
            report.add((*path, "type"), f"a payload must be an object, found type {shown(str(schema['type']))}")
            return INVALID
        for inner, message, hint in _schema_problems(schema):
            report.add((*path, *inner), message, hint)
        return schema if report.sound(path) else INVALID

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"type": {"const": "object"}}}


def _schema_problems(schema: dict[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """What the meta-schema, or the compiler of schemas, has against a schema."""
    import jsonschema_rs

    from jobctl.catalog.payload import compile_schema, explain

    dialect = str(schema.get("$schema", _LATEST)).removesuffix("#")
    if dialect not in _DIALECTS:
        yield ("$schema",), f"unknown dialect of JSON Schema {shown(dialect)}", "leave it out"
        return
    errors = _meta_errors(schema, dialect)
    for error in errors:
        yield tuple(error.instance_path), f"invalid JSON Schema: {explain(error)}", _format_hint(error.instance)
    if errors:
        return
    try:
        compile_schema(schema)
    except jsonschema_rs.ValidationError as error:
        place = tuple(error.instance_path)
        message = error.message.split(". ")[0].split(" and retrieving")[0]
        hint = _format_hint(error.instance) if "format" in place else ""
        yield place, f"not a usable JSON Schema: {message}", hint
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        yield (), f"not a usable JSON Schema: {error}", ""


def _meta_errors(schema: dict[str, Any], dialect: str) -> list[Any]:
    """All errors against the latest meta-schema; of an older one the validator tells only the first."""
    import jsonschema_rs

    if dialect == _LATEST:
        return list(_meta_validator().iter_errors(schema))
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


@lru_cache(maxsize=1)
def _meta_validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for({"$schema": _LATEST, "$ref": _LATEST}, offline=True)


def _format_hint(name: Any) -> str:
    return did_you_mean(name, (*_FORMATS, *_TYPES)) if isinstance(name, str) else ""
