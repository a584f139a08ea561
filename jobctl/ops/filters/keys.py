"""The keys of filters: how each is written, and which values it takes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobctl.catalog.units import parse_duration
from jobctl.errors import UsageError
from jobctl.ops.filters.pattern import Pattern
from jobctl.ops.when import parse_past
from jobctl.store.data.states import STATES

GROUP_PREFIX = 4
"""The fewest characters that name a group."""
ORDER = (">", ">=", "<", "<=")
Number = float | int


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`; None is no bound. The bounds belong to it unless `open` says otherwise."""

    low: Number | None = None
    high: Number | None = None
    open: bool = False

    def has(self, number: Number) -> bool:
        if self.open:
            return (self.low is None or number > self.low) and (self.high is None or number < self.high)
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `signs` are those that it takes, the usual one first. `check` raises ValueError or UsageError for a value
    that it does not take. `number` reads a number, of keys that can be compared."""

    signs: tuple[str, ...]
    check: Callable[[str], object] = str
    number: Callable[[str], Number] | None = None
    spelling: str = ""


def _state(text: str) -> None:
    if text not in STATES:
        raise UsageError(f"no such state: {text[:40]!r}", _nearest(text, STATES, ", ".join(STATES)))


def _group(text: str) -> None:
    if len(text) < GROUP_PREFIX:
        raise UsageError(f"group {text!r} is too short", f"give at least {GROUP_PREFIX} of its characters")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _seconds(text: str) -> float:
    return parse_duration(text) / 1000


def as_number(text: str) -> Number:
    """A number of a payload, or of text. Raises ValueError."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", text[:400], re.ASCII):
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


KEYS: dict[str, Key] = {
    "queue": Key((":",)),
    "job": Key((":",)),
    "state": Key((":",), _state),
    "group": Key((":",), _group),
    "error": Key(("~",), Pattern),
    "args": Key(("=", "~", ":", *ORDER), number=as_number, spelling="args.KEY="),
    "label": Key((":", "~")),
    "since": Key((":",), parse_past),
    "until": Key((":",), parse_past),
    "attempts": Key((":", *ORDER), number=_count),
    "took": Key((":", *ORDER), number=_seconds),
    "host": Key((":",)),
    "id": Key((":",)),
}
SPELLINGS = " ".join(key.spelling or name + key.signs[0] for name, key in KEYS.items())
"""Every key as it is typed."""
EXACT_NUMBER = ("attempts",)
"""Numbers that can be asked for without a range."""


def span(kind: str, sign: str, value: str) -> Span | None:
    """The numbers that a term asks for; None if it asks for none. Raises ValueError or UsageError."""
    read = KEYS[kind].number
    if read is None or sign in ("=", "~"):
        return None
    if sign in ORDER:
        number = read(value)
        low, high = (number, None) if sign[0] == ">" else (None, number)
        return Span(low, high, open=len(sign) == 1)
    first, dots, last = value.partition("..")
    if not dots:
        if kind not in EXACT_NUMBER:
            raise UsageError(f"{value[:40]!r} is not a range", f"write {value[:40]}.. for at least that much")
        return Span(read(first), read(first))
    if not (first or last):
        raise UsageError("a range needs a number", "write 4.., ..9 or 4..9")
    return Span(read(first) if first else None, read(last) if last else None)


def check(kind: str, sign: str, value: str) -> None:
    """Raises ValueError or UsageError for a value that the key does not take."""
    if span(kind, sign, value) is not None:
        return
    if sign == "~":
        Pattern(value)
    else:
        KEYS[kind].check(value)


def near(kind: str) -> str:
    """What may have been meant by an unknown key."""
    return _nearest(kind, KEYS, SPELLINGS, lambda name: KEYS[name].spelling or name + KEYS[name].signs[0])


def _nearest(word: str, known: Iterable[str], all_of: str, shown: Callable[[str], str] = str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {shown(close[0])}?" if close else f"write {all_of}"
