"""Typed readers of single values: each reads a node and describes itself as JSON Schema.

A reader returns INVALID for a value that it cannot use, and has then reported why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from jobctl.catalog.problems import Path, did_you_mean, one_of
from jobctl.catalog.report import Report, found, shown
from jobctl.catalog.source import Node

INVALID: Final = object()


class Reader(Protocol):
    """Reads one kind of value."""

    def read(self, node: Node, path: Path, report: Report) -> Any:
        """The value, or INVALID with the reason reported."""
        ...

    def schema(self) -> dict[str, Any]:
        """The same rule as JSON Schema, as far as it can say it."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text, checked by a pattern or turned into a value by `parse` (whose ValueError is the message).

    With `verbatim`, numbers and booleans are taken as they are written: a command's `5` is the argument "5".
    """

    expected: str = "text"
    pattern: str | None = None
    parse: Callable[[str], Any] | None = None
    verbatim: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def read(self, node: Node, path: Path, report: Report) -> Any:
        number_or_bool = node.type in ("int", "float", "bool")
        if node.type != "str" and not (self.verbatim and number_or_bool):
            hint = "" if not number_or_bool else "add a unit" if self.parse and node.type == "int" else "quote it"
            report.add(path, f"expected {self.expected}, found {found(node)}", hint)
            return INVALID
        try:
            return self.check(node.text)
        except ValueError as error:
            report.add(path, str(error))
            return INVALID

    def check(self, text: str) -> Any:
        """The value of the text. Raises ValueError with what was expected and what was found."""
        if "\0" in text:
            raise ValueError("a NUL character is not allowed")
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise ValueError(f"expected {self.expected}, found {shown(text)}")
        return text if self.parse is None else self.parse(text)

    def schema(self) -> dict[str, Any]:
        pattern = {} if self.pattern is None else {"pattern": self.pattern}
        kinds: Any = ["string", "number", "boolean"] if self.verbatim else "string"
        return {"type": kinds, **pattern, **self.extra}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    def read(self, node: Node, path: Path, report: Report) -> Any:
        number = _integer(node)
        if number is not None and self.minimum <= number <= self.maximum:
            return number
        report.add(path, f"expected {self._expected()}, found {found(node)}")
        return INVALID

    def _expected(self) -> str:
        if self.minimum == self.maximum:
            return f"`{self.minimum}`"
        return f"a whole number from {self.minimum} to {self.maximum}"

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


def _integer(node: Node) -> int | None:
    if node.type != "int" or len(node.text) > 18:
        return None
    digits = node.text.lstrip("+-")
    return int(node.text, 10) if digits.isdigit() else int(node.text, 0)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`; YAML 1.1's yes and no are text."""

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type == "bool":
            return node.text.lower() == "true"
        report.add(path, f"expected `true` or `false`, found {found(node)}")
        return INVALID

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: Sequence[str]

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type == "str" and node.text in self.options:
            return node.text
        hint = did_you_mean(node.text, self.options) if node.type == "str" else ""
        report.add(path, f"expected {one_of(self.options)}, found {found(node)}", hint)
        return INVALID

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class NumberOr:
    """A whole number, or one of a few words that stand for one."""

    number: Integer
    words: Mapping[str, int]

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if node.type == "int":
            return self.number.read(node, path, report)
        word = Choice(tuple(self.words)).read(node, path, report)
        return word if word is INVALID else self.words[word]

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.number.schema(), Choice(tuple(self.words)).schema()]}
