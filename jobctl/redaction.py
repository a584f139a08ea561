"""`redact:` patterns over payload keys: hides what they match, and every trace of it in texts.

A pattern is a dotted path whose segments are matched one a level, as by `fnmatch`: `to`, `card.number`, `*.password`,
`items.*.token` (a list's places are 0, 1, …). The payload is stored as it is, since the job needs it, and hidden when
it is read into a record; texts that are made from it are scrubbed before they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from jobctl.scrubbing import MARK, Scrubber, number_forms

OPTION = "redact"
"""The option of a message that carries its patterns, so that a reader without the catalog hides the same."""
MAX_PATTERNS, MAX_PATTERN = 50, 200
MIN_DIGITS = 4
"""Shorter numbers are not looked for: they would blot out half of every log."""

Paths = frozenset[tuple[str, ...]]
Patterns = tuple[str, ...]
Rules = Callable[[str], Patterns]
"""The patterns that a reader's catalog has for a job type."""


def unruled(_job_type: str) -> Patterns:
    """What a reader without a catalog knows of job types."""
    return ()


def is_hidden(value: Any) -> bool:
    """Whether this value of a payload was put there by `hide`."""
    return value is MARK


def combined(options: Mapping[str, Any], known: Patterns = ()) -> Patterns:
    """The patterns that a message's options carry, and those that are known of its type. Unreadable ones hide all."""
    given = options.get(OPTION)
    if given is None:
        return known
    sound = isinstance(given, list) and len(given) <= MAX_PATTERNS
    if not sound or not all(isinstance(text, str) and 0 < len(text) <= MAX_PATTERN for text in given):
        return ("*",)
    return tuple(dict.fromkeys((*known, *given)))


def hide(patterns: Patterns, payload: Any) -> Any:
    """The payload with `[redacted]` for what the patterns match; what has nothing hidden in it is the same object."""
    return _walk(payload, _paths(patterns), []) if patterns else payload


def shown(patterns: Patterns, payload: Any) -> Any:
    """The payload as it may be seen: what is hidden is hidden where it stands under other keys, too."""
    secrets = scrubber(patterns, payload)
    hidden = hide(patterns, payload)
    return hidden if secrets is None else secrets.payload(hidden)


def scrubber(patterns: Patterns, payload: Any) -> Scrubber | None:
    """What takes the hidden values of this payload out of texts; None if there is nothing to take out."""
    if not patterns:
        return None
    found: list[Any] = []
    _walk(payload, _paths(patterns), found)
    return Scrubber.of(_texts(found))


@lru_cache(maxsize=512)
def _paths(patterns: Patterns) -> Paths:
    return frozenset(tuple(pattern.split(".")) for pattern in patterns)


def covers(pattern: str, key: str) -> bool:
    """Whether a pattern hides the value at a dotted key, something in it or something around it."""
    names = zip(pattern.split("."), key.split("."), strict=False)
    return all(fnmatchcase(own, wanted) for wanted, own in names)


def _walk(value: Any, paths: Paths, found: list[Any]) -> Any:
    """A copy of `value` as far as something in it is hidden; what is hidden goes to `found`."""
    items: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return value
    changed: dict[Any, Any] = {}
    for key, child in items:
        rest = _below(str(key), paths)
        if () in rest:
            found.append(child)
            changed[key] = MARK
        elif rest and (copy := _walk(child, rest, found)) is not child:
            changed[key] = copy
    if not changed:
        return value
    if isinstance(value, Mapping):
        return {**value, **changed}
    return [changed.get(index, item) for index, item in enumerate(value)]


def _below(key: str, paths: Paths) -> Paths:
    """What is left of the paths below a key. A key that holds dots may be several segments."""
    parts = key.split(".")
    count = len(parts)
    return frozenset(
        path[length:]
        for path in paths
        for length, names in ((1, (key,)), (count, parts))
        if len(path) >= length and all(map(fnmatchcase, names, path))
    )


def _texts(values: Sequence[Any]) -> Iterator[str]:
    """Every text and number inside the values. Keys of objects count unless they look like names of fields."""
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += value.values()
            left += (key for key in value if isinstance(key, str) and not key.isidentifier())
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str):
            yield value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from (form for form in number_forms(value) if sum(map(str.isdigit, form)) >= MIN_DIGITS)
