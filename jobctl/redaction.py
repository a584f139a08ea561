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

import msgspec

from jobctl.text import sanitize

MARK = "[redacted]"
"""What stands where a value was hidden. `is_hidden` knows this very object from a payload's text that reads so."""
OPTION = "redact"
"""The option of a message that carries its patterns, so that a reader without the catalog hides the same."""
MAX_PATTERNS, MAX_PATTERN = 50, 200
MIN_TEXT, MIN_DIGITS, MIN_LINE = 3, 4, 6
"""Shorter texts, numbers and lines of a longer text are not looked for: they would blot out half of every log."""
MAX_FORMS = 2_000
"""With more spellings to look for than these, a text is hidden as a whole."""

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
    forms = {form for text in _texts(found) for form in _forms(text)}
    return Scrubber(forms) if forms else None


class Scrubber:
    """Replaces every spelling of some secrets. Immutable, so thread-safe; scrubbing twice changes nothing."""

    __slots__ = ("_blind", "_forms")

    def __init__(self, forms: Iterable[str]) -> None:
        self._forms = tuple(forms)
        self._blind = len(self._forms) > MAX_FORMS

    @property
    def forms(self) -> tuple[str, ...]:
        """What it looks for: with it, another process can scrub as this one does."""
        return self._forms

    def __call__(self, text: str, *, front: bool = False, end: bool = False) -> str:
        """`text` without the secrets. `front` and `end` say that it was cut there, perhaps in the middle of one."""
        if self._blind:
            return text and MARK
        spans = [span for form in self._forms for span in _places(text, form)]
        if front:
            spans += (_suffix(text, form) for form in self._forms)
        if end:
            spans += (_prefix(text, form) for form in self._forms)
        return _marked(text, spans) if any(start < stop for start, stop in spans) else text

    def value(self, value: Any) -> Any:
        """A JSON value with every text and number in it scrubbed, keys too; one too deep to look at is hidden."""
        return self._bounded(value, self)

    def payload(self, value: Any) -> Any:
        """As `value`, but keys that look like names of fields stay: they are not what a pattern hides."""
        return self._bounded(value, lambda key: key if key.isidentifier() else self(key))

    def _bounded(self, value: Any, key: Callable[[str], str]) -> Any:
        try:
            return self._value(value, key)
        except RecursionError:
            return MARK

    def _value(self, value: Any, key: Callable[[str], str]) -> Any:
        if isinstance(value, str):
            clean = value if value is MARK else self(value)
            return MARK if clean == MARK and clean != value else clean
        if isinstance(value, Mapping):
            return {key(str(name)): self._value(item, key) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, key) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if all(self(form) == form for form in _number(value)) else MARK
        return value


def scrub(using: Scrubber | None, text: str | None) -> str | None:
    """`text` scrubbed, where there are both."""
    return using(text) if using is not None and text else text


@lru_cache(maxsize=512)
def _paths(patterns: Patterns) -> Paths:
    return frozenset(tuple(pattern.split(".")) for pattern in patterns)


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
            yield from (form for form in _number(value) if sum(map(str.isdigit, form)) >= MIN_DIGITS)


def _number(value: float) -> set[str]:
    """How a number is written."""
    try:
        return {str(abs(value)), msgspec.json.encode(abs(value)).decode()}
    except (ValueError, OverflowError):  # more digits than Python writes
        return {f"{abs(int(value)):x}"}


def _forms(text: str) -> Iterator[str]:
    """A secret as it may be written: bare, in JSON, as Python shows it, in a URL, on one line, each of its lines."""
    bare = text.strip()
    if len(bare) < MIN_TEXT:
        return
    yield bare
    if bare.isascii() and bare.isalnum():
        return
    import json
    from urllib.parse import quote, quote_plus

    data = bare.encode("utf-8", "surrogatepass")
    spelled = [text, sanitize(bare, limit=None), " ".join(bare.split()), repr(bare)[1:-1], repr(data)[2:-1]]
    spelled += [json.dumps(bare)[1:-1], json.dumps(bare, ensure_ascii=False)[1:-1]]
    spelled += [quote(data), quote(data, safe=""), quote_plus(data)]
    spelled += [bare.encode("utf-8", "backslashreplace").decode()]
    yield from spelled
    lines = bare.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= MIN_LINE)


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _suffix(text: str, form: str) -> tuple[int, int]:
    """The place at the front of the text of the longest end of the form that stands there."""
    longest = min(len(text), len(form) - 1)
    return 0, next((size for size in range(longest, MIN_TEXT - 1, -1) if form.endswith(text[:size])), 0)


def _prefix(text: str, form: str) -> tuple[int, int]:
    """The place at the end of the text of the longest beginning of the form that stands there."""
    longest = min(len(text), len(form) - 1)
    size = next((size for size in range(longest, MIN_TEXT - 1, -1) if form.startswith(text[-size:])), 0)
    return len(text) - size, len(text)


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with one mark for what overlaps; marks that stand there already are whole."""
    out, done = [], 0
    for start, stop in _merged(sorted([*spans, *_places(text, MARK)])):
        out += [text[done:start], MARK]
        done = stop
    return "".join([*out, text[done:]])


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order, those that overlap made one, empty ones left out."""
    start, stop = 0, 0
    for first, last in spans:
        if first >= last:
            continue
        if first < stop:
            stop = max(stop, last)
            continue
        if stop > start:
            yield start, stop
        start, stop = first, last
    if stop > start:
        yield start, stop
