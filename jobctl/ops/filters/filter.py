"""A filter that was read: what matches it, and what is known of all that does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from jobctl import clock
from jobctl.errors import Refused, UsageError
from jobctl.ops.filters import parse as reading
from jobctl.ops.filters.errors import FilterError
from jobctl.ops.filters.match import Subject, Test, compiled
from jobctl.ops.filters.tree import And, Node, Or, Term, conjuncts, joined, terms, write
from jobctl.ops.when import parse_past
from jobctl.redaction import is_hidden
from jobctl.store.data.indexed import dig

INDEXED = frozenset({"queue", "job", "state", "group", "since", "until"})
"""The keys that the indexes of dead letters answer."""
READ_LATE = frozenset({"host", "took"})
"""Keys that need a job's attempts."""


class Filter:
    """A filter. Without a tree, everything matches. Relative times are of the moment when it was made.

    `unseen` counts what hides a value that is asked for, and therefore does not match: see `refusals`.
    """

    def __init__(self, node: Node | None = None, text: str = "", *, now_ms: int | None = None) -> None:
        self.node = node
        self.text = text
        self.unseen: Counter[str] = Counter()
        self._now_ms = clock.now_ms() if now_ms is None else now_ms
        self._test: Test | None = None if node is None else compiled(node, self._now_ms)
        self.keys = frozenset(term.kind for term in terms(node))
        """What it asks for, `args` for payloads."""

    def __str__(self) -> str:
        return "" if self.node is None else write(self.node)

    @property
    def is_empty(self) -> bool:
        """Whether everything matches."""
        return self.node is None

    def judge(self, subject: Subject) -> bool | None:
        """Whether it matches; None if what would decide is hidden or was not read."""
        return True if self._test is None else self._test(subject)

    def matches(self, subject: Subject) -> bool:
        """Whether it matches, of a subject of which all was read. What it hides, it cannot match."""
        found = self.judge(subject)
        if found is None:
            paths = {term.path for term in terms(self.node) if term.kind == "args"}
            self.unseen.update(path for path in paths if is_hidden(dig(subject.payload, path)))
        return found is True

    def possible(self, **known: Any) -> bool:
        """Whether something of which only so much is known may match."""
        return self.judge(Subject(**known)) is not False

    def until(self, moment_ms: int) -> Filter:
        """The same filter, for what happened before a moment."""
        return self.also(Term("until", ":", clock.to_datetime(moment_ms).isoformat(timespec="milliseconds")))

    def also(self, *more: Term) -> Filter:
        """The same filter, narrowed; it counts what hides from both."""
        narrowed = Filter(joined(self.node, *more), self.text, now_ms=self._now_ms)
        narrowed.unseen = self.unseen
        return narrowed

    def uncounted(self) -> Filter:
        """The same filter, that does not count what hides from it."""
        return Filter(self.node, self.text, now_ms=self._now_ms)

    @cached_property
    def span(self) -> tuple[int | None, int | None]:
        """(since, until) in epoch ms, between which all that matches is; `until` does not belong to it."""
        return self._bound(self.node, "since"), self._bound(self.node, "until")

    def _bound(self, node: Node | None, key: str) -> int | None:
        least = key == "since"
        match node:
            case Term():
                return parse_past(node.value, now_ms=self._now_ms) if node.key == key else None
            case And(parts):
                found = [bound for part in parts if (bound := self._bound(part, key)) is not None]
                return (max if least else min)(found, default=None)
            case Or(parts):
                bounds = [self._bound(part, key) for part in parts]
                known = [bound for bound in bounds if bound is not None]
                return (min if least else max)(known) if len(known) == len(bounds) else None
        return None

    @cached_property
    def ids(self) -> tuple[str, ...] | None:
        """Ids of which all that matches has one; None if others may match."""
        return _named(self.node, "id")

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        """By the path of a payload's value: texts of which all that matches has one there."""
        asked = {term.key for term in terms(self.node, positive=True) if term.kind == "args" and term.sign == "="}
        found = {key.removeprefix("args."): _named(self.node, key, "=") for key in asked}
        return {path: texts for path, texts in found.items() if texts and not any(map(_is_loose, texts))}

    @cached_property
    def types(self) -> tuple[str, ...] | None:
        """Job types of which all that matches has one; None if others may match."""
        found = _named(self.node, "job")
        return None if found is None or any("*" in name for name in found) else found

    @property
    def indexed(self) -> bool:
        """Whether the indexes of dead letters alone tell what matches: times hold for all of it."""
        rest = [part for part in conjuncts(self.node) if not _is_time(part)]
        asked = {term.kind for part in rest for term in terms(part)}
        return asked <= INDEXED - {"since", "until"}

    def refusals(self) -> list[Refused]:
        """What to report at the end about records that hide what the filter asked for."""
        return [_hidden(key, count) for key, count in self.unseen.items()]

    def refuse(self, kinds: Iterable[str], why: str, hint: str = "") -> None:
        """Raise FilterError at the first term of such a key."""
        for term in terms(self.node):
            if term.kind in kinds:
                self.fail(term, why, hint)

    def fail(self, term: Term, message: str, hint: str = "") -> None:
        """Raise FilterError about a term."""
        raise FilterError(message, hint, self.text, term.start, term.end)


def parse(words: Iterable[str], *, now_ms: int | None = None) -> Filter:
    """The filter that arguments make. Raises UsageError (a FilterError says where)."""
    node, text = reading.parse(words)
    found = Filter(node, text, now_ms=now_ms)
    since, until = found.span
    if since is not None and until is not None and since >= until:
        raise UsageError("since: is not before until:, so nothing can match")
    return found


def _is_loose(text: str) -> bool:
    """Whether other values than a scalar of this text match: any text for *, a list or object as JSON."""
    return "*" in text or text[:1] in ("[", "{")


def _named(node: Node | None, key: str, sign: str = ":") -> tuple[str, ...] | None:
    """Values of which all that matches has one."""
    match node:
        case Term():
            return (node.value,) if node.key == key and node.sign == sign else None
        case And(parts):
            return next((found for part in parts if (found := _named(part, key, sign)) is not None), None)
        case Or(parts):
            every = [_named(part, key, sign) for part in parts]
            known = [found for found in every if found is not None]
            if len(known) == len(every):
                return tuple(dict.fromkeys(name for found in known for name in found))
    return None


def _is_time(node: Node) -> bool:
    return isinstance(node, Term) and node.kind in ("since", "until")


def _hidden(key: str, count: int) -> Refused:
    left = f"{count:,} job{'s hide' if count != 1 else ' hides'} it and {'are' if count != 1 else 'is'} left out"
    return Refused(f"args.{key}= filters by a value that is redacted: {left}", "--unredacted lets it be seen")
