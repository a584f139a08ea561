"""Machine formats made safe to show: the JSON side of `jobctl.text`, which does it for plain text."""

from __future__ import annotations

import re
from typing import Any

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_OBEYED = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ufff9-\ufffb]")


def clean_json(text: str) -> str:
    """JSON text in which what a terminal would obey is written as `\\uXXXX`: the same value, harmless."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


MAX_DEPTH = 120
"""More levels than a payload of ours can have, with those of the record around it."""
DEEPER = "… nested too deeply to show …"


def scrub(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A JSON-like value in which lone surrogates, which no encoder takes, are U+FFFD, and what is nested so deeply that
    encoders break off is left out."""
    if depth == 0 and isinstance(value, dict | list | tuple):
        return DEEPER
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {scrub(key): scrub(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item, depth - 1) for item in value]
    return value
