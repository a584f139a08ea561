"""Filters as tokens. Each argument of a command is read by itself; a space ends a value that is not in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from jobctl.ops.filters.errors import FilterError
from jobctl.ops.filters.tree import OPERATORS

_QUOTED = r"\"(?:[^\"\\]|\\.)*\""
_HEAD = re.compile(
    rf"(?P<key>args\.(?:{_QUOTED}|[^\s=:~<>()\"']+)|[A-Za-z_-]+(?:\.[A-Za-z_.-]*)?)(?P<sign>>=|<=|[:=~<>])", re.DOTALL
)
"""What begins a term."""
_PATTERN = re.compile(r"/(?:[^/\\\s]|\\\S|/(?![\s)]|$))+/(?=[\s)]|$)")
_PARENTHESES = {"(": "open", ")": "close"}
_SPACED = ("error", "label", "args", "since", "until")
"""Keys whose values may hold spaces."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a filter. `key`, `sign` and `value` are a term's; `at` is where the value begins. `plain`: the value
    has no quotes."""

    kind: Literal["term", "operator", "open", "close", "bare"]
    start: int
    end: int
    text: str
    key: str = ""
    sign: str = ""
    value: str = ""
    at: int = 0
    plain: bool = True


def tokens(words: Iterable[str]) -> tuple[list[Token], str]:
    """The tokens of arguments, and the text in which their places are. Raises FilterError."""
    listed = list(words)
    text = " ".join(listed)
    found: list[Token] = []
    start = 0
    for word in listed:
        found += _of_argument(text, start, start + len(word))
        start += len(word) + 1
    return found, text


def _of_argument(text: str, start: int, end: int) -> list[Token]:
    found: list[Token] = []
    place = start
    while True:
        while place < end and text[place].isspace():
            place += 1
        if place >= end:
            return _continued(found, text, end)
        token = _next(text, place, end)
        found.append(token)
        place = token.end


def _continued(found: list[Token], text: str, end: int) -> list[Token]:
    """The shell has taken the quotes of `error~"timed out"`: what follows in the same argument belongs to the value,
    unless something in it could be meant as more of the filter."""
    if not found:
        return found
    first, *rest = found
    if first.kind != "term" or not first.plain or first.key.partition(".")[0] not in _SPACED:
        return found
    kinds = {token.kind for token in rest}
    if "bare" not in kinds or kinds & {"term", "operator"}:
        return found
    return [replace(first, end=end, text=text[first.start : end], value=text[first.at : end])]


def _next(text: str, place: int, end: int) -> Token:
    if kind := _PARENTHESES.get(text[place]):
        return Token(kind, place, place + 1, text[place])  # type: ignore[arg-type]
    head = _HEAD.match(text, place, end)
    if head is None:
        stop = _stop(text, place, end)
        word = text[place:stop]
        return Token("operator" if word in OPERATORS else "bare", place, stop, word)
    value, stop, plain = _value(text, head.end(), end)
    key = head["key"]
    if key.startswith('args."'):
        key = "args." + _ESCAPED.sub(r"\1", key[6:-1])
    return Token("term", place, stop, text[place:stop], key, head["sign"], value, head.end(), plain)


def _value(text: str, place: int, end: int) -> tuple[str, int, bool]:
    """(value, where it ends, whether it has no quotes)."""
    if place < end and text[place] in "\"'":
        return _in_quotes(text, place, end)
    if pattern := _PATTERN.match(text, place, end):
        return pattern[0], pattern.end(), False
    stop = _stop(text, place, end)
    return text[place:stop], stop, True


def _in_quotes(text: str, place: int, end: int) -> tuple[str, int, bool]:
    mark, at = text[place], place + 1
    while at < end and text[at] != mark:
        at += 2 if text[at] == "\\" else 1
    if at >= end:
        _fail("the quote is not closed", f"end the value with {mark}", text, place, end)
    stop = at + 1
    if stop < end and not text[stop].isspace() and text[stop] != ")":
        _fail("a space is missing after the quoted value", "", text, stop, stop + 1)
    return _ESCAPED.sub(r"\1", text[place + 1 : at]), stop, False


def _stop(text: str, place: int, end: int) -> int:
    """Where a word ends: at a space, or at a `)` that closes nothing in the word."""
    depth = 0
    for at in range(place, end):
        character = text[at]
        if character.isspace():
            return at
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return at
    return end


def _fail(message: str, hint: str, text: str, start: int, end: int) -> NoReturn:
    raise FilterError(message, hint, text, start, end)


def is_id(word: str) -> bool:
    """Whether a whole argument is no part of a filter, but one bare word: an id."""
    try:
        found, _ = tokens([word])
    except FilterError:
        return False
    return len(found) == 1 and found[0].kind == "bare" and found[0].text == word


def masked(words: Sequence[str]) -> str:
    """What was typed, without the values of payloads that it asks for."""
    try:
        found, text = tokens(words)
    except FilterError:
        return "…"
    out, done = "", 0
    for token in found:
        if token.kind == "term" and token.key.startswith("args."):
            out += f"{text[done : token.at]}…"
            done = token.end
    return out + text[done:]
