"""Readers of lists and mappings, built from the readers of their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobctl.catalog.fields import INVALID, Reader, Text
from jobctl.catalog.mappings import entries
from jobctl.catalog.problems import Path, did_you_mean
from jobctl.catalog.report import Report, found
from jobctl.catalog.source import Node


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose values are all read alike; read as a tuple of those that are valid."""

    item: Reader
    expected: str = "a list"
    minimum: int = 0

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type != "list":
            report.add(path, f"expected {self.expected}, found {found(node)}")
            return INVALID
        if len(node.items) < self.minimum:
            report.add(path, f"expected {self.expected} that is not empty")
            return INVALID
        values = []
        for index, child in enumerate(node.items):
            report.visit((*path, index), child)
            values.append(self.item.read(child, (*path, index), report))
        return tuple(value for value in values if value is not INVALID)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema(), "minItems": self.minimum}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names of the user's own to values read alike. Nothing at all is an empty mapping."""

    value: Reader
    name: Text
    expected: str = "a mapping"

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type == "null":
            return {}
        if node.type != "mapping":
            report.add(path, f"expected {self.expected}, found {found(node)}")
            return INVALID
        values: dict[str, Any] = {}
        for key, child in entries(node, path, report):
            inner = (*path, key.text)
            try:
                self.name.check(key.text)
            except ValueError as error:
                report.add_at_key(inner, str(error))
            value = self.value.read(child, inner, report)
            if value is not INVALID:
                values[key.text] = value
        return values

    def schema(self) -> dict[str, Any]:
        return {
            "type": ["object", "null"],
            "propertyNames": self.name.schema(),
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True, slots=True)
class Either:
    """A value that may be written in two or three shapes, each with its reader."""

    expected: str
    scalar: Reader | None = None
    list: Reader | None = None
    mapping: Reader | None = None

    def read(self, node: Node, path: Path, report: Report) -> Any:
        readers = {"list": self.list, "mapping": self.mapping, "null": None}
        reader = readers.get(node.type, self.scalar)
        if reader is None:
            report.add(path, f"expected {self.expected}, found {found(node)}")
            return INVALID
        return reader.read(node, path, report)

    def schema(self) -> dict[str, Any]:
        readers = (self.scalar, self.list, self.mapping)
        return {"anyOf": [reader.schema() for reader in readers if reader is not None]}


@dataclass(frozen=True, slots=True)
class Field:
    """A key of an object. `later` keys have their form checked and are then refused until they work."""

    reader: Reader
    doc: str
    required: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys, read as a dict of those that are given and valid.

    `misplaced` explains keys that belong elsewhere; `rule` is JSON Schema that the fields alone do not say.
    """

    fields: Mapping[str, Field]
    expected: str = "a mapping"
    misplaced: Mapping[str, str] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type != "mapping":
            report.add(path, f"expected {self.expected}, found {found(node)}")
            return INVALID
        values: dict[str, Any] = {}
        for key, child in entries(node, path, report):
            value = self._read_key(key, child, (*path, key.text), report)
            if value is not INVALID:
                values[key.text] = value
        for name, known in self.fields.items():
            if known.required and not report.given((*path, name)):
                report.add(path, f"`{name}` is missing")
        return values

    def _read_key(self, key: Node, child: Node, path: Path, report: Report) -> Any:
        known = self.fields.get(key.text)
        if known is None:
            hint = self.misplaced.get(key.text) or did_you_mean(key.text, self.fields)
            report.add_at_key(path, f"unknown key {found(key)}", hint)
            return INVALID
        value = known.reader.read(child, path, report)
        if known.later and value is not INVALID:
            report.add_at_key(path, f"`{key.text}` is not supported yet", "remove it")
            return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        present = {name: known for name, known in self.fields.items() if not known.later}
        properties = {name: {**known.reader.schema(), "description": known.doc} for name, known in present.items()}
        required = [name for name, known in present.items() if known.required]
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
            **self.rule,
        }
