"""Texts and regular expressions to look for, in time that grows with the text alone: no pattern can hang.

Python's `re` backtracks, so `(a+)+$` can take for ever. Here all ways through the expression are followed at once
(Thompson's construction), and each step is remembered, so that most characters cost one look into a table. Hence what
needs backtracking, back references and looking around, is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobctl.ops.filters.regex import MATCH, Program, compile_text, is_word

_REMEMBERED = 5_000
"""Steps that are kept; a pattern and texts that make more of them start again."""
_EDGE, _WORD, _OTHER = 0, 1, 2
_SPECIAL = frozenset(".^$*+?{}[]\\|()")


class Pattern:
    """What `error~` and the like look for, whatever its case: a text, or an expression between slashes.

    A text that can be read as an expression is looked for as both: `timed? out` finds "timed out", "time out" and
    itself. Raises UsageError for an expression between slashes that is none.
    """

    def __init__(self, text: str) -> None:
        slashes = len(text) > 2 and text.startswith("/") and text.endswith("/")
        self._literal = None if slashes else text.casefold()
        self._search = _expression(text[1:-1], strict=True) if slashes else None
        if not slashes and _SPECIAL.intersection(text):
            self._search = _expression(text, strict=False)

    def finds(self, text: str) -> bool:
        """Whether it is anywhere in the text."""
        if self._literal is not None and self._literal in text.casefold():
            return True
        return self._search is not None and self._search(text)


def _expression(text: str, *, strict: bool) -> Callable[[str], bool] | None:
    from jobctl.errors import UsageError

    try:
        return Search(compile_text(text))
    except UsageError:
        if strict:
            raise
        return None


class Search:
    """Looks for a compiled expression in texts."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps: dict[tuple[frozenset[int], int, str], tuple[frozenset[int], bool]] = {}

    def __call__(self, text: str) -> bool:
        states: frozenset[int] = frozenset()
        before = _EDGE
        for character in text:
            key = (states, before, character)
            known = self._steps.get(key)
            if known is None:
                known = self._step(key)
            states, found = known
            if found:
                return True
            before = _WORD if is_word(character) else _OTHER
        return MATCH in self._closed(states, before, _EDGE)

    def _step(self, key: tuple[frozenset[int], int, str]) -> tuple[frozenset[int], bool]:
        states, before, character = key
        closed = self._closed(states, before, _WORD if is_word(character) else _OTHER)
        if MATCH in closed:
            answer: tuple[frozenset[int], bool] = (frozenset(), True)
        else:
            tests = self._program.tests
            answer = (frozenset(tests[at][1] for at in closed if at in tests and tests[at][0](character)), False)
        if len(self._steps) >= _REMEMBERED:
            self._steps.clear()
        self._steps[key] = answer
        return answer

    def _closed(self, states: frozenset[int], before: int, after: int) -> set[int]:
        """The states that are reached without reading a character; a match may begin anywhere."""
        seen: set[int] = set()
        left = [self._program.start, *states]
        while left:
            at = left.pop()
            if at in seen:
                continue
            seen.add(at)
            for condition, to in self._program.jumps.get(at, ()):
                if condition is None or _holds(condition, before, after):
                    left.append(to)
        return seen


def _holds(condition: str, before: int, after: int) -> bool:
    match condition:
        case "^":
            return before == _EDGE
        case "$":
            return after == _EDGE
        case "b":
            return (before == _WORD) != (after == _WORD)
    return (before == _WORD) == (after == _WORD)


def glob(wanted: str, value: str) -> bool:
    """Whether a value is `wanted`, in which each `*` is any text."""
    if "*" not in wanted:
        return wanted == value
    first, *middle, last = wanted.split("*")
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def named(wanted: Sequence[str], value: Any) -> bool:
    """Whether a value is one of those wanted."""
    return isinstance(value, str) and any(glob(one, value) for one in wanted)
