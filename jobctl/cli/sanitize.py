"""The one sanitizer: text that came from a job must not steer the terminal that shows it.

A payload, an exception's message or a label can hold escape sequences (colours, titles, clipboard writes),
carriage returns that overwrite what was shown, and bidirectional controls that reorder it.
"""

from __future__ import annotations

import re
from typing import Any

LIMIT = 10_000
ELLIPSIS = "…"

# CSI, OSC (ended by BEL or ST), other string commands, two-byte escapes; and their 8-bit (C1) forms.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_JSON_UNSAFE = re.compile(rf"[\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ufff9-\ufffb]")


def clean(text: str, *, newlines: bool = False, limit: int | None = LIMIT) -> str:
    """`text` safe to show: no control characters, no escape sequences, at most `limit` characters.

    Newlines become spaces, or stay with `newlines`; tabs become spaces; lone surrogates become U+FFFD.
    Cleaning what is clean changes nothing.
    """
    if limit is not None and len(text) > 8 * limit:
        text = text[: 8 * limit]  # bounds the work too
    text = text.replace("\r\n", "\n")
    if not text.isascii() or not text.isprintable():
        text = _UNSAFE.sub(_visible, _SEQUENCES.sub("", text))
    if not newlines:
        text = text.replace("\n", " ")
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + ELLIPSIS
    return text


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\t\v\f\u2028\u2029":
        return " "
    if character == "\r":
        return "\n"
    return "\ufffd" if "\ud800" <= character <= "\udfff" else ""


def clean_json(text: str) -> str:
    """JSON text in which what a terminal would obey is written as `\\uXXXX`: the same value, harmless."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _JSON_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def scrub(value: Any) -> Any:
    """A JSON-like value in which lone surrogates, which no encoder takes, are U+FFFD."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {scrub(key): scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    return value
