"""What a filter says, as a tree of terms, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

OPERATORS = ("AND", "OR", "NOT")
_BARE = re.compile(r"[^\s\"'/()][^\s()]*")
"""A value that needs no quotes."""
_BARE_KEY = re.compile(r"[^\s=:~<>()\"']+")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: `queue:email`. `key` of a payload's value is `args.PATH`. The term is at `start` to `end` in the
    text that was read."""

    key: str
    sign: str
    value: str
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    @property
    def kind(self) -> str:
        """The key without the path of a payload's value."""
        return "args" if self.key.startswith("args.") else self.key

    @property
    def path(self) -> str:
        """Where a payload's value is."""
        return self.key.removeprefix("args.")


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match `of`."""

    of: Node


@dataclass(frozen=True, slots=True)
class And:
    """What matches all parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What matches one of the parts."""

    parts: tuple[Node, ...]


Node = Term | Not | And | Or


def terms(node: Node | None, *, positive: bool = False) -> Iterator[Term]:
    """Every term, in its order; only those that are not below a NOT if `positive`."""
    match node:
        case Term():
            yield node
        case Not(of):
            if not positive:
                yield from terms(of)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part, positive=positive)


def conjuncts(node: Node | None) -> tuple[Node, ...]:
    """The parts that all must hold."""
    if node is None:
        return ()
    return node.parts if isinstance(node, And) else (node,)


def joined(*nodes: Node | None) -> Node | None:
    """What matches all of the nodes; None matches everything."""
    parts = tuple(part for node in nodes for part in conjuncts(node))
    return And(parts) if len(parts) > 1 else parts[0] if parts else None


def write(node: Node) -> str:
    """A filter as text that is read as the same tree."""
    match node:
        case Term(key, sign, value):
            return f"{written_key(key)}{sign}{quoted(value)}"
        case Not(of):
            return f"NOT {_inner(of)}"
        case And(parts):
            return " AND ".join(_inner(part) for part in parts)
        case Or(parts):
            return " OR ".join(_inner(part) for part in parts)


def _inner(node: Node) -> str:
    return write(node) if isinstance(node, Term | Not) else f"({write(node)})"


def written_key(key: str) -> str:
    """A key as it is typed."""
    head, dot, path = key.partition(".")
    return key if not dot or _BARE_KEY.fullmatch(path) else f"{head}.{_in_quotes(path)}"


def quoted(value: str) -> str:
    """A value as it is typed: in quotes if it needs them."""
    return value if not value or _BARE.fullmatch(value) else _in_quotes(value)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
