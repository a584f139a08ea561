"""Whether something matches a filter: true, false, or not known (None) where what decides is hidden or was not read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from jobctl.errors import UsageError
from jobctl.ops.filters import keys
from jobctl.ops.filters.keys import Span
from jobctl.ops.filters.pattern import Pattern, named
from jobctl.ops.filters.tree import And, Node, Not, Or, Term
from jobctl.ops.when import parse_past
from jobctl.redaction import is_hidden
from jobctl.store.data.indexed import ABSENT, as_text, dig


class Unread:
    """Marks what was not read."""

    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Any = Unread()


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a filter looks at. None is for what there is not, UNREAD for what was not read.

    `ids` are all that the job is known by. `at_ms`: when what it is now happened. `host` and `took_s` are of its last
    attempt.
    """

    queue: Any = UNREAD
    type: Any = UNREAD
    state: Any = UNREAD
    group: Any = UNREAD
    label: Any = UNREAD
    ids: Any = UNREAD
    error: Any = UNREAD
    message: Any = UNREAD
    payload: Any = UNREAD
    at_ms: Any = UNREAD
    attempts: Any = UNREAD
    host: Any = UNREAD
    took_s: Any = UNREAD


Test = Callable[[Subject], bool | None]
_FIELDS = {"queue": "queue", "job": "type", "state": "state", "label": "label", "host": "host"}
_NUMBERS = {"attempts": "attempts", "took": "took_s"}


def compiled(node: Node, now_ms: int) -> Test:
    """What tells whether a subject matches."""
    match node:
        case Not(of):
            inner = compiled(of, now_ms)
            return lambda subject: None if (found := inner(subject)) is None else not found
        case And(parts):
            return _combined([compiled(part, now_ms) for part in parts], False)
        case Or(parts):
            return _combined([compiled(part, now_ms) for part in parts], True)
        case Term():
            return _term(node, now_ms)


def _combined(tests: Sequence[Test], decides: bool) -> Test:
    """One part that is `decides` decides; otherwise one that is not known leaves all unknown."""

    def test(subject: Subject) -> bool | None:
        known = True
        for part in tests:
            found = part(subject)
            if found is decides:
                return decides
            known = known and found is not None
        return not decides if known else None

    return test


def _term(term: Term, now_ms: int) -> Test:
    kind, value = term.kind, term.value
    match kind:
        case "args":
            return _payload(term)
        case "error":
            return _error(Pattern(value))
        case "since":
            since = parse_past(value, now_ms=now_ms)
            return _of("at_ms", lambda at: at >= since)
        case "until":
            until = parse_past(value, now_ms=now_ms)
            return _of("at_ms", lambda at: at < until)
        case "group":  # may be given by its first characters, as people copy them
            return _of("group", lambda group: group.startswith(value))
        case "id":
            return _of("ids", lambda ids: value in ids)
        case "attempts" | "took":
            wanted = keys.span(kind, term.sign, value)
            assert wanted is not None
            return _of(_NUMBERS[kind], wanted.has)
    if term.sign == "~":
        return _of(_FIELDS[kind], Pattern(value).finds)
    return _of(_FIELDS[kind], lambda found: named((value,), found))


def _of(name: str, holds: Callable[[Any], bool]) -> Test:
    def test(subject: Subject) -> bool | None:
        value = getattr(subject, name)
        if value is UNREAD:
            return None
        return value is not None and holds(value)

    return test


def _error(pattern: Pattern) -> Test:
    def test(subject: Subject) -> bool | None:
        error, message = subject.error, subject.message
        if error is UNREAD:
            return None
        if error is None and message is None:
            return False
        return pattern.finds(f"{error or ''}: {message or ''}")

    return test


def _payload(term: Term) -> Test:
    path, holds = term.path, _value(term)

    def test(subject: Subject) -> bool | None:
        if subject.payload is UNREAD:
            return None
        value = dig(subject.payload, path)
        if is_hidden(value):
            return None
        return value is not ABSENT and holds(value)

    return test


def _value(term: Term) -> Callable[[Any], bool]:
    wanted = keys.span("args", term.sign, term.value)
    if wanted is not None:
        return lambda value: _is_in(wanted, value)
    if term.sign == "~":
        pattern = Pattern(term.value)
        return lambda value: pattern.finds(as_text(value))
    text = (term.value,)
    return lambda value: named(text, as_text(value))


def _is_in(wanted: Span, value: Any) -> bool:
    """Whether a payload's value is a number, or the text of one, that is wanted."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return wanted.has(keys.as_number(value) if isinstance(value, str) else value)
    except (ValueError, UsageError):
        return False
