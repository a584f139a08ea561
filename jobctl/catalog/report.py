"""Collects the problems of one catalog and remembers where each of its values stands."""

from __future__ import annotations

from collections.abc import Mapping

from jobctl.catalog.problems import CatalogError, Path, Problem, dotted, printable
from jobctl.catalog.source import Node, resolve

_MAX_SHOWN = 60


class Report:
    """The problems found so far, and the position of every value that was visited."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: dict[Problem, None] = {}
        self._values: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self._keys: dict[Path, tuple[int, int]] = {}
        self._broken: set[Path] = set()

    def visit(self, path: Path, node: Node, key: Node | None = None) -> None:
        """Remember where the value at `path` stands, and its key if it has one."""
        self._values[path] = (node.line, node.column)
        if key is not None:
            self._keys[path] = (key.line, key.column)

    def given(self, path: Path) -> bool:
        """Whether the file holds a value at `path`, right or wrong."""
        return path in self._values

    def sound(self, path: Path) -> bool:
        """Whether nothing at `path` or inside it was found wrong."""
        return path not in self._broken

    def add(self, path: Path, message: str, hint: str = "") -> None:
        """A problem with the value at `path`, or with the nearest value around it that the file holds."""
        place = path
        while place not in self._values:
            place = place[:-1]
        self._add(path, self._values[place], message, hint)

    def add_at_key(self, path: Path, message: str, hint: str = "") -> None:
        """A problem with the key itself at `path`."""
        self._add(path, self._keys.get(path) or self._values[path], message, hint)

    def _add(self, path: Path, place: tuple[int, int], message: str, hint: str) -> None:
        problem = Problem(self._file, *place, dotted(path), printable(message), printable(hint))
        self._problems[problem] = None
        self._broken.update(path[:length] for length in range(len(path) + 1))

    def raise_if_any(self) -> None:
        """Raise CatalogError with every problem, in the order of the file."""
        if self._problems:
            raise CatalogError(tuple(sorted(self._problems, key=lambda problem: (problem.line, problem.column))))

    def positions(self) -> Mapping[str, tuple[int, int]]:
        """Line and column of every value, by its dotted path."""
        return {dotted(path): place for path, place in self._values.items()}


def found(node: Node) -> str:
    """What stands at a node, in words."""
    if node.type in ("list", "mapping"):
        return f"a {node.type}"
    if node.type == "str" and resolve(node.text) != "str":
        return f"the text {shown(node.text)}"
    if node.type in ("str", "int", "float", "bool", "merge"):
        return shown(node.text)
    return "nothing" if node.type == "null" else f"the tag {shown(node.type)}"


def shown(text: str) -> str:
    """A bounded, one-line quotation of text from the file."""
    line = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
    return f"`{printable(line)}`" if text else "empty text"
