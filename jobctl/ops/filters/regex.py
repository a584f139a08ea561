"""Regular expressions, read into the states of a machine.

. [a-z] [^a-z] \\d \\w \\s \\D \\W \\S \\b \\B ^ $ ( ) (?: ) | * + ? {m,n} and escapes, as Python's `re` has them
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from jobctl.errors import UsageError

MATCH = 0
"""The state in which all is found."""
MAX_STATES = 1_000
MAX_REPEATS = 500
MAX_DEPTH = 50

Test = Callable[[str], bool]
_CLASSES: dict[str, Test] = {"d": str.isdecimal, "w": lambda c: is_word(c), "s": str.isspace}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_COUNTS = re.compile(r"\{(\d{0,4})(,?)(\d{0,4})\}", re.ASCII)


def is_word(character: str) -> bool:
    """Whether `\\w` matches it."""
    return character == "_" or character.isalnum()


@dataclass(slots=True)
class Program:
    """A machine: `tests` says which character leads from a state to which other one, `jumps` where a state leads
    without one, if a condition (`^`, `$`, `b`, `B`) holds."""

    start: int = MATCH
    tests: dict[int, tuple[Test, int]] = field(default_factory=dict)
    jumps: dict[int, list[tuple[str | None, int]]] = field(default_factory=dict)
    size: int = 1

    def state(self) -> int:
        """A new state. Raises UsageError where there are too many."""
        if self.size >= MAX_STATES:
            raise UsageError("the regular expression is too large", "repeat less in it")
        self.size += 1
        return self.size - 1

    def reading(self, test: Test, to: int) -> int:
        at = self.state()
        self.tests[at] = (test, to)
        return at

    def jumping(self, *to: int, condition: str | None = None) -> int:
        at = self.state()
        self.jumps[at] = [(condition, one) for one in to]
        return at


Part = Callable[[int], int]
"""Builds a piece of the machine that leads to a state, and returns the state in which it begins."""


def compile_text(text: str) -> Program:
    """The machine of an expression, whatever the case of letters. Raises UsageError that says what is wrong."""
    return _Reader(text).program()


class _Reader:
    """Reads an expression, one character after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._program = Program()

    def program(self) -> Program:
        part = self._any()
        if self._at < len(self._text):
            self._fail("a `)` closes nothing")
        self._program.start = part(MATCH)
        return self._program

    def _any(self) -> Part:
        parts = [self._row()]
        while self._takes("|"):
            parts.append(self._row())
        return parts[0] if len(parts) == 1 else lambda to: self._program.jumping(*(part(to) for part in parts))

    def _row(self) -> Part:
        parts: list[Part] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._one()))

        def build(to: int) -> int:
            for part in reversed(parts):
                to = part(to)
            return to

        return build

    def _one(self) -> Part:
        character = self._next()
        match character:
            case "(":
                return self._inside()
            case "[":
                return self._reading(self._set())
            case ".":
                return self._reading(lambda c: c != "\n")
            case "^" | "$":
                return lambda to: self._program.jumping(to, condition=character)
            case "*" | "+" | "?":
                self._fail(f"there is nothing to repeat before `{character}`", back=1)
            case "\\":
                return self._escaped()
        return self._reading(_alike(character))

    def _inside(self) -> Part:
        opened = self._at
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail("it is nested too deeply")
        if self._takes("?") and not self._takes(":"):
            self._fail("`(?` other than `(?:` is not supported")
        part = self._any()
        if not self._takes(")"):
            self._at = opened
            self._fail("a `(` is not closed", back=1)
        self._depth -= 1
        return part

    def _escaped(self) -> Part:
        if self._at >= len(self._text):
            self._fail("it ends with a backslash", back=1)
        character = self._text[self._at]
        if character in "bB":
            self._at += 1
            return lambda to: self._program.jumping(to, condition=character)
        return self._reading(self._escape())

    def _escape(self) -> Test:
        """What an escape stands for, also in a set."""
        character = self._next()
        if known := _CLASSES.get(character.lower()):
            return known if character.islower() else lambda c: not known(c)
        if character in _CONTROLS:
            return _alike(_CONTROLS[character])
        if character.isalnum():
            self._fail(f"`\\{character}` is not supported", back=2)
        return _alike(character)

    def _set(self) -> Test:
        opened = self._at
        negated = self._takes("^")
        tests: list[Test] = []
        while True:
            if self._at >= len(self._text):
                self._at = opened
                self._fail("a `[` is not closed", back=1)
            if self._text[self._at] == "]" and tests:
                self._at += 1
                break
            tests.append(self._member())
        return (lambda c: not any(t(c) for t in tests)) if negated else (lambda c: any(t(c) for t in tests))

    def _member(self) -> Test:
        """A character, a range or a class of a set."""
        low = self._next()
        if low == "\\":
            if self._at >= len(self._text):
                self._fail("it ends with a backslash", back=1)
            return self._escape()
        rest = self._text[self._at : self._at + 2]
        if len(rest) < 2 or rest[0] != "-" or rest[1] in "]\\":
            return _alike(low)
        self._at += 2
        high = rest[1]
        if high < low:
            self._fail(f"the range `{low}-{high}` is the wrong way round", back=3)
        return lambda c: any(low <= form <= high for form in (c, c.lower(), c.upper()))

    def _repeated(self, part: Part) -> Part:
        """The part, as often as what follows it says."""
        if self._takes("*"):
            part = self._endless(part)
        elif self._takes("+"):
            part = self._times(part, 1, None)
        elif self._takes("?"):
            part = self._times(part, 0, 1)
        elif counts := _COUNTS.match(self._text, self._at):
            if not (counts[1] or counts[3]):
                return part
            self._at = counts.end()
            low = int(counts[1] or 0)
            high = low if not counts[2] else int(counts[3]) if counts[3] else None
            if max(low, high or 0) > MAX_REPEATS or (high is not None and high < low):
                self._fail(f"`{counts[0]}` is not a number of repeats up to {MAX_REPEATS}", back=len(counts[0]))
            part = self._times(part, low, high)
        else:
            return part
        self._takes("?")  # whether as little or as much as possible is read makes no difference here
        if self._at < len(self._text) and (self._text[self._at] in "*+?" or _COUNTS.match(self._text, self._at)):
            self._fail("it repeats what is repeated already")
        return part

    def _endless(self, part: Part) -> Part:
        def build(to: int) -> int:
            at = self._program.jumping(to)
            self._program.jumps[at].append((None, part(at)))
            return at

        return build

    def _times(self, part: Part, low: int, high: int | None) -> Part:
        def build(to: int) -> int:
            if high is None:
                to = self._endless(part)(to)
            end = to
            for _ in range((high or low) - low):
                to = self._program.jumping(end, part(to))
            for _ in range(low):
                before, to = to, part(to)
                if to == before:  # nothing, however often, is nothing
                    break
            return to

        return build

    def _reading(self, test: Test) -> Part:
        return lambda to: self._program.reading(test, to)

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _takes(self, character: str) -> bool:
        if self._at < len(self._text) and self._text[self._at] == character:
            self._at += 1
            return True
        return False

    def _fail(self, what: str, *, back: int = 0) -> NoReturn:
        place = max(0, self._at - back) + 1
        raise UsageError(f"{self._text[:100]!r} is not a regular expression: {what}, at its character {place}")


def _alike(character: str) -> Test:
    """The test for a character, whatever its case."""
    forms = frozenset((character, character.lower(), character.upper()))
    return lambda c: c in forms or c.lower() in forms
