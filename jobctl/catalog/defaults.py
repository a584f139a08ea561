"""A schema's `default` values, filled in for what a payload leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

MAX_DEPTH = 64
"""A schema that refers to itself is followed as deep as the payload goes; below this depth nothing is filled in."""


def has_defaults(schema: Any) -> bool:
    """Whether a schema says a default anywhere."""
    if isinstance(schema, Mapping):
        return "default" in schema or any(map(has_defaults, schema.values()))
    return isinstance(schema, list | tuple) and any(map(has_defaults, schema))


def filled(schema: Mapping[str, Any], payload: Any) -> Any:
    """The payload with the defaults of `properties` for keys that are not there, at every level that is there.

    Follows `properties`, `items`, `allOf` and references inside the schema; branches (`anyOf`, `oneOf`, `if`) say
    nothing about which of their defaults holds. Without anything to fill in it is the same object.
    """
    return _filled(schema, schema, payload, 0)


def _filled(schema: Any, root: Mapping[str, Any], value: Any, depth: int) -> Any:
    schema = resolved(schema, root)
    if depth > MAX_DEPTH:
        return value
    for part in schema.get("allOf", ()):
        value = _filled(part, root, value, depth + 1)
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        missing = {name: _default(properties[name], root) for name in properties if name not in value}
        changed = {
            name: new
            for name in properties
            if name in value and (new := _filled(properties[name], root, value[name], depth + 1)) is not value[name]
        }
        given = {name: deepcopy(default[0]) for name, default in missing.items() if default is not None}
        return {**value, **changed, **given} if changed or given else value
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        items = [_filled(schema["items"], root, item, depth + 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _default(schema: Any, root: Mapping[str, Any]) -> tuple[Any] | None:
    """The default of a property, in a tuple, since it may be null."""
    own = schema if isinstance(schema, Mapping) else {}
    for place in (own, resolved(own, root)):
        if "default" in place:
            return (place["default"],)
    return None


def resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema says, local references followed; nothing for one that cannot be followed."""
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" not in schema:
            return schema
        schema = _pointed(root, schema["$ref"])
    return {}


def _pointed(root: Mapping[str, Any], reference: str) -> Any:
    place: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        place = place.get(name) if isinstance(place, Mapping) else None
    return place if reference == "#" or reference.startswith("#/") else None
