"""Takes secrets out of texts, however they are spelled there.

The work is linear in the length of the text for each spelling that is looked for, and bounded: what would take longer
is hidden as a whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from jobctl.spellings import forms_of, readings

MARK = "[redacted]"
"""What stands where a value was hidden. `redaction.is_hidden` tells this very object from a text that reads so."""
MIN_TEXT = 3
"""Shorter texts are not looked for: they would blot out half of every log."""
MAX_FORMS = 2_000
"""With more spellings to look for than these, a text is hidden as a whole."""
MAX_WORK = 50_000_000
"""Characters of text times spellings. A text that is more work (about 0.1 s) is hidden as a whole."""

_BETWEEN = "\0\n\0"
"""What is put between texts that are scrubbed together."""

Span = tuple[int, int]


class Scrubber:
    """Replaces every spelling of some secrets. Immutable, so thread-safe; scrubbing twice changes nothing."""

    __slots__ = ("_blind", "_forms")

    def __init__(self, forms: Iterable[str]) -> None:
        self._forms = tuple(forms)
        self._blind = len(self._forms) > MAX_FORMS

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Scrubber | None:
        """What takes these secrets out of texts; None if there is nothing to look for."""
        forms = {form for secret in secrets for form in forms_of(secret)}
        return cls(forms) if forms else None

    @property
    def forms(self) -> tuple[str, ...]:
        """What it looks for: with it, another process can scrub as this one does."""
        return self._forms

    def __call__(self, text: str, *, front: bool = False, end: bool = False) -> str:
        """`text` without the secrets. `front` and `end` say that it was cut there, perhaps in the middle of one."""
        if self._gives_up(len(text)):
            return text and MARK
        if front and end and any(text in form for form in self._forms):
            return text and MARK  # the middle of a secret
        spans = self._spans(text)
        if front:
            spans += ((0, _overlap(form[1:], text)) for form in self._forms)
        if end:
            spans += ((len(text) - _overlap(text, form[:-1]), len(text)) for form in self._forms)
        return _marked(text, spans) if any(start < stop for start, stop in spans) else text

    def many(self, texts: Sequence[str]) -> list[str]:
        """Each text without the secrets, for little more than the work of one text of their length."""
        starts = list(accumulate((len(text) + len(_BETWEEN) for text in texts), initial=0))
        if self._gives_up(starts[-1]):
            return [text and MARK for text in texts]
        found: dict[int, list[Span]] = {}
        for start, stop in _merged(sorted(self._spans(_BETWEEN.join(texts)))):
            for place in range(bisect_right(starts, start) - 1, len(texts)):
                if starts[place] >= stop:
                    break
                found.setdefault(place, []).append((max(start - starts[place], 0), stop - starts[place]))
        return [
            _marked(text, [(a, min(b, len(text))) for a, b in found[place]]) if place in found else text
            for place, text in enumerate(texts)
        ]

    def value(self, value: Any) -> Any:
        """A JSON value with every text and number in it scrubbed, keys too; one too deep to look at is hidden."""
        return self._bounded(value, lambda _key: True)

    def payload(self, value: Any) -> Any:
        """As `value`, but keys that look like names of fields stay: they are not what a pattern hides."""
        return self._bounded(value, lambda key: not key.isidentifier())

    def _gives_up(self, length: int) -> bool:
        return self._blind or length * len(self._forms) > MAX_WORK

    def _spans(self, text: str) -> list[Span]:
        return [
            reading.place(start, stop)
            for reading in readings(text)
            for form in self._forms
            for start, stop in _places(reading.text, form)
        ]

    def _bounded(self, value: Any, counts: Callable[[str], bool]) -> Any:
        try:
            texts = list(dict.fromkeys(_texts(value, counts)))
            return _replaced(value, dict(zip(texts, self.many(texts), strict=True)), counts)
        except RecursionError:
            return MARK


Text = TypeVar("Text", str, None, "str | None")


def scrub(using: Scrubber | None, text: Text, *, end: bool = False) -> Text:
    """`text` scrubbed, where there are both. `end`: it was cut there."""
    return using(text, end=end) if using is not None and text else text


def number_forms(value: float) -> set[str]:
    """How the digits of a number are written."""
    try:
        return {str(abs(value)), msgspec.json.encode(abs(value)).decode()}
    except (ValueError, OverflowError):  # more digits than Python writes
        return {f"{abs(int(value)):x}"}


def _texts(value: Any, counts: Callable[[str], bool]) -> Iterator[str]:
    """Every text and number in a JSON value, and those of its keys that `counts` says are to be looked at."""
    if isinstance(value, str):
        if value is not MARK:
            yield value
    elif isinstance(value, Mapping):
        yield from (str(key) for key in value if counts(str(key)))
        for item in value.values():
            yield from _texts(item, counts)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, counts)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from number_forms(value)


def _replaced(value: Any, clean: Mapping[str, str], counts: Callable[[str], bool]) -> Any:
    """The value with the texts that were scrubbed in place of those that were there."""
    if isinstance(value, str):
        text = clean.get(value, value)
        return MARK if text == MARK and text != value else text
    if isinstance(value, Mapping):
        keys = ((clean[str(key)] if counts(str(key)) else str(key), item) for key, item in value.items())
        return {key: _replaced(item, clean, counts) for key, item in keys}
    if isinstance(value, list | tuple):
        return [_replaced(item, clean, counts) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if all(clean[form] == form for form in number_forms(value)) else MARK
    return value


def _places(text: str, form: str) -> Iterator[Span]:
    """Where the form stands, places that overlap as one: each part of the text is looked at a fixed number of times."""
    size = len(form)
    at = text.find(form)
    while at >= 0:
        again = text.find(form, at + 1, at + 2 * size - 1)
        stop = at + size if again < 0 else _repeats_until(text, again + size, again - at)
        yield at, stop
        at = text.find(form, stop - size + 1 if again >= 0 else stop)


def _repeats_until(text: str, stop: int, period: int) -> int:
    """Where the text, which repeats itself every `period` characters before `stop`, no longer does."""
    step = period
    while step:
        if stop + step <= len(text) and text[stop : stop + step] == text[stop - period : stop - period + step]:
            stop += step
            step *= 2
        else:
            step //= 2
    return stop


def _overlap(left: str, right: str) -> int:
    """How many characters at the end of `left` are also the beginning of `right`; 0 if fewer than MIN_TEXT.

    The algorithm of Knuth, Morris and Pratt: linear.
    """
    size = min(len(left), len(right))
    left, right = left[len(left) - size :], right[:size]
    if size < MIN_TEXT or right[:MIN_TEXT] not in left:
        return 0
    falls, matched = [0] * size, 0
    for at in range(1, size):
        while matched and right[at] != right[matched]:
            matched = falls[matched - 1]
        matched += right[at] == right[matched]
        falls[at] = matched
    matched = 0
    for character in left:
        while matched and (matched == size or character != right[matched]):
            matched = falls[matched - 1]
        matched += character == right[matched]
    return matched if matched >= MIN_TEXT else 0


def _marked(text: str, spans: list[Span]) -> str:
    """The text with one mark for what overlaps; marks that stand there already are whole."""
    out, done = [], 0
    for start, stop in _merged(sorted([*spans, *_places(text, MARK)])):
        out += [text[done:start], MARK]
        done = stop
    return "".join([*out, text[done:]])


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
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
