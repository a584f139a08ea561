"""How a secret may be written in a text: the spellings that are looked for, and the readings of a text in which they
are looked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from jobctl.text import sanitize

MIN_FORM, MIN_LINE = 3, 6
"""Shorter secrets, and lines of a longer one, are not looked for."""
MAX_READINGS = 4
"""A text is unescaped so often at most: JSON in JSON in JSON."""

_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\u([dD][89abAB]{_HEX}{{2}})\\u([dD][c-fC-F]{_HEX}{{2}})"  # a pair of surrogates is one character
    rf"|\\(?:u({_HEX}{{4}})|x({_HEX}{{2}})|U({_HEX}{{8}})|([\\/\"'bfnrt]))"
)
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def forms_of(secret: str) -> Iterator[str]:
    """A secret as it may be written: bare, in JSON, as Python shows it, in a URL, on one line, each of its lines."""
    bare = secret.strip()
    if len(bare) < MIN_FORM:
        return
    yield bare
    if bare.isascii() and bare.isalnum():
        return
    import json
    from urllib.parse import quote, quote_plus

    data = bare.encode("utf-8", "surrogatepass")
    spelled = [secret, sanitize(bare, limit=None), " ".join(bare.split()), repr(bare)[1:-1], repr(data)[2:-1]]
    spelled += [json.dumps(bare)[1:-1], json.dumps(bare, ensure_ascii=False)[1:-1]]
    spelled += [quote(data), quote(data, safe=""), quote_plus(data)]
    spelled += [bare.encode("utf-8", "backslashreplace").decode()]
    yield from (form for form in spelled if len(form) >= MIN_FORM)
    lines = bare.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= MIN_LINE)


class Reading(msgspec.Struct, frozen=True):
    """A text as someone would read it. `starts`: where each of its characters, and its end, stands in the original;
    None where both are the same."""

    text: str
    starts: list[int] | None = None

    def place(self, start: int, stop: int) -> tuple[int, int]:
        """A part of this text as a part of the original."""
        return (start, stop) if self.starts is None else (self.starts[start], self.starts[stop])


def readings(text: str) -> Iterator[Reading]:
    """The text as it stands; with its escapes (JSON's, Python's) undone, once more as long as there are any; with
    percent signs undone. Any character of a secret may be escaped: a list of spellings cannot hold them all."""
    plain = Reading(text)
    yield plain
    reading = plain
    for _ in range(MAX_READINGS):
        if "\\" not in reading.text or (undone := _undo(reading, _ESCAPE, _unescape)) is None:
            break
        reading = undone
        yield reading
    if "%" in reading.text and (undone := _undo(reading, _PERCENT, _unquote)) is not None:
        yield undone


def _undo(
    reading: Reading, pattern: re.Pattern[str], read: Callable[[re.Match[str]], list[tuple[str, int]]]
) -> Reading | None:
    """The reading with what the pattern matches replaced by the characters, each with its offset in the match, that
    `read` says; None if it matches nothing."""
    out: list[str] = []
    places: list[int] = []
    done = 0
    for match in pattern.finditer(reading.text):
        out.append(reading.text[done : match.start()])
        places += range(done, match.start())
        for character, offset in read(match):
            out.append(character)
            places.append(match.start() + offset)
        done = match.end()
    if not done:
        return None
    out.append(reading.text[done:])
    places += range(done, len(reading.text) + 1)
    return Reading("".join(out), places if reading.starts is None else [reading.starts[place] for place in places])


def _unescape(match: re.Match[str]) -> list[tuple[str, int]]:
    if match[1]:
        return [(chr(0x10000 + ((int(match[1], 16) & 0x3FF) << 10) + (int(match[2], 16) & 0x3FF)), 0)]
    code = match[3] or match[4] or match[5]
    if code is None:
        return [(_LETTERS.get(match[6], match[6]), 0)]
    number = int(code, 16)
    return [(chr(number) if number < 0x110000 else "\ufffd", 0)]


def _unquote(match: re.Match[str]) -> list[tuple[str, int]]:
    """Characters with their offsets in the match. Each byte of UTF-8 has three characters there."""
    data = bytes.fromhex(match.group().replace("%", ""))
    out, offset = [], 0
    for character in data.decode("utf-8", "surrogateescape"):
        out.append((character, offset))
        offset += 3 * len(character.encode("utf-8", "surrogateescape"))
    return out
