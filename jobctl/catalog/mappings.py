"""What a YAML mapping holds: merges applied, duplicate keys refused."""

from __future__ import annotations

from jobctl.catalog.problems import Path
from jobctl.catalog.report import Report, found, shown
from jobctl.catalog.source import Node


def entries(node: Node, path: Path, report: Report) -> list[tuple[Node, Node]]:
    """A mapping's keys and values, merges (`<<`) applied. Duplicate keys and keys like `{}` are reported."""
    own: dict[str, tuple[Node, Node]] = {}
    merged: dict[str, tuple[Node, Node]] = {}
    for key, value in node.entries:
        if key.type == "merge":
            for name, entry in _merged(value, path, report).items():
                merged.setdefault(name, entry)
        elif key.type not in ("str", "int", "float", "bool", "null"):
            report.visit((*path, "?"), key)
            report.add((*path, "?"), f"expected a key that is text, found {found(key)}")
        elif key.text in own:
            _duplicate(path, key, own[key.text][0], report)
        else:
            own[key.text] = (key, value)
    together = {**merged, **own}
    for name, (key, value) in together.items():
        report.visit((*path, name), value, key)
    return list(together.values())


def _duplicate(path: Path, key: Node, first: Node, report: Report) -> None:
    inner = (*path, key.text)
    report.visit(inner, key, key)
    report.add_at_key(inner, f"duplicate key {shown(key.text)}", f"it is already given on line {first.line}")


def _merged(value: Node, path: Path, report: Report) -> dict[str, tuple[Node, Node]]:
    sources = value.items if value.type == "list" else [value]
    together: dict[str, tuple[Node, Node]] = {}
    for source in sources:
        if source.type != "mapping":
            report.visit((*path, "<<"), value)
            report.add((*path, "<<"), f"expected a mapping to merge, found {found(source)}")
            continue
        for key, member in entries(source, (*path, "<<"), report):
            together.setdefault(key.text, (key, member))
    return together
