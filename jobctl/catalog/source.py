"""YAML text to nodes with positions, within limits. Scalars are typed as in YAML 1.2's core schema.

Built from the parser's events, not with `yaml.compose`: the C composer recurses without a limit and crashes
the process on deep nesting, and it has no bound on what aliases expand to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobctl.catalog.problems import CatalogError, Problem, printable

if TYPE_CHECKING:
    from yaml.events import Event

MAX_BYTES = 1_048_576
"""The largest catalog file."""
MAX_NODES = 250_000
"""The most values that a catalog may hold once its aliases are expanded."""
MAX_DEPTH = 64

_PREFIX = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        "float",
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ),
    ("merge", re.compile(r"<<")),
)
_SCALAR_TAGS = ("str", "int", "float", "bool", "null")


@dataclass(slots=True)
class Node:
    """A value of the file. `type`: str, int, float, bool, null, merge, list, mapping, or a foreign tag.

    `text` is what a scalar says, verbatim; `items` are a list's values, `entries` a mapping's pairs.
    `size` counts the values inside, aliases expanded. `line` and `column` count from 1.
    """

    type: str
    line: int
    column: int
    text: str = ""
    items: list[Node] = field(default_factory=list)
    entries: list[tuple[Node, Node]] = field(default_factory=list)
    size: int = 1


def parse(text: str, file: str) -> Node:
    """The root of the document. Raises CatalogError for what is not one YAML document within the limits."""
    import yaml

    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _error(file, 1, 1, f"the catalog is larger than {MAX_BYTES // 1024} KiB")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(file).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        raise _syntax(file, error) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise _error(file, *_bad_character(text)) from error


class _Builder:
    """Turns parser events into nodes without recursion."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, str | None, list[Node]]] = []
        self._root: Node | None = None

    def build(self, events: Iterator[Event]) -> Node:
        import yaml

        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._close(_scalar(event), event.anchor)
                case yaml.AliasEvent():
                    self._add(self._alias(event))
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._start(event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise self._error(event, "expected one YAML document, found more", "remove the second `---`")
        if self._root is None:
            raise _error(self._file, 1, 1, "the catalog is empty", "start with `version: 1`")
        return self._root

    def _start(self, event: Any) -> None:
        import yaml

        if len(self._open) >= MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} levels deep")
        shape, tag = ("list", "seq") if isinstance(event, yaml.SequenceStartEvent) else ("mapping", "map")
        node = Node(shape if event.tag in (None, "!", _PREFIX + tag) else event.tag, *_mark(event))
        self._open.append((node, event.anchor, []))

    def _end(self) -> None:
        node, anchor, children = self._open.pop()
        if node.type == "mapping":
            node.entries = list(zip(children[::2], children[1::2], strict=True))
        else:
            node.items = children
        self._close(node, anchor)

    def _close(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent, _, children = self._open[-1]
        parent.size += node.size
        if parent.size > MAX_NODES:
            message = f"more than {MAX_NODES} values once its aliases are expanded"
            raise _error(self._file, parent.line, parent.column, message)
        children.append(node)

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise self._error(
                event,
                f"unknown alias `*{printable(event.anchor[:60])}`",
                "define the anchor before its aliases",
            )
        return node

    def _error(self, event: Any, message: str, hint: str = "") -> CatalogError:
        return _error(self._file, *_mark(event), message, hint)


def _scalar(event: Any) -> Node:
    line, column = _mark(event)
    text: str = event.value
    if event.tag not in (None, "!"):
        kind = event.tag.removeprefix(_PREFIX)
        return Node(kind if kind in _SCALAR_TAGS else event.tag, line, column, text)
    if event.implicit[0] and event.tag is None:
        return Node(resolve(text), line, column, text)
    return Node("str", line, column, text)


def resolve(text: str) -> str:
    """The type that YAML 1.2's core schema gives to a plain scalar."""
    return next((kind for kind, pattern in _CORE if pattern.fullmatch(text)), "str")


def _mark(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _error(file: str, line: int, column: int, message: str, hint: str = "") -> CatalogError:
    return CatalogError((Problem(file, line, column, "", message, hint),))


def _syntax(file: str, error: Any) -> CatalogError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    context = f" {error.context}" if error.context else ""
    hint = "indent with spaces" if "\\t" in str(error.problem) or "tab" in str(error.problem) else ""
    return _error(file, line, column, printable(f"not YAML: {error.problem}{context}"), hint)


def _bad_character(text: str) -> tuple[int, int, str]:
    """Where the first character stands that YAML does not allow."""
    allowed = re.compile("[\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
    match = allowed.match(text)
    end = match.end() if match else 0
    line = text.count("\n", 0, end) + 1
    column = end - (text.rfind("\n", 0, end) + 1) + 1
    found = f"U+{ord(text[end]):04X}" if end < len(text) else "an unreadable character"
    return line, column, f"not YAML: {found} is not allowed in a catalog"
