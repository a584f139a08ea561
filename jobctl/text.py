"""Text that came from outside (jobs, labels, error messages, Redis) made fit to print or log.

Terminals obey control characters, and bidirectional controls make a line read as what it is not.
Nothing that a job wrote reaches a terminal or a log line except through `sanitize`.
"""

from __future__ import annotations

import re
from datetime import datetime

from jobctl import clock

NOTHING = "-"
"""What stands for a value that is not there."""
DEFAULT_LIMIT = 4_000
"""Characters kept unless the caller says otherwise."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 (ESC, CR, tab, newline), DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings, overrides, isolates
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators, byte order mark, interlinear annotations
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates (they cannot be encoded), invisible tags
)


def sanitize(text: str, limit: int | None = DEFAULT_LIMIT, newlines: bool = False) -> str:
    """`text` without anything that a terminal or a log reader would obey.

    Unsafe characters become a visible escape (`\\x1b`, `\\u202e`). Tabs and line ends become one space
    each; with `newlines=True` both are kept (`\\r\\n` and a lone `\\r` become `\\n`). The result has at most
    `limit` characters, the last of them `…` when something was cut; `limit=None` keeps everything.
    """
    if limit is not None and len(text) > limit:
        return _cut(_clean(text[: limit + 1], newlines), limit)
    if text.isprintable():  # nothing of category C or Z but the space: the common case, checked in C
        return text
    cleaned = _clean(text, newlines)
    return cleaned if limit is None else _cut(cleaned, limit)


def first_line(text: str | None) -> str:
    """The first line of a message that has any text."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def progress(done: float, total: float | None, message: str | None) -> str:
    """Progress in words, where no bar is drawn."""
    return f"progress {done:g}{'' if total is None else f' of {total:g}'}{f': {message}' if message else ''}"


def relative(moment: datetime, now_ms: int | None = None) -> str:
    """An instant as people say it: `3m ago`, `in 5s`, `now`."""
    now = clock.now_ms() if now_ms is None else now_ms
    ahead = clock.to_ms(moment) - now
    text = short_duration(abs(ahead) / 1000)
    if abs(ahead) < 1000:
        return "now"
    return f"in {text}" if ahead > 0 else f"{text} ago"


def short_duration(seconds: float | None) -> str:
    """A duration in its largest unit: `350ms`, `42s`, `3m`, `2h`, `5d`; `-` for None."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"[:limit]


def _clean(text: str, newlines: bool) -> str:
    if text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub(_keep_lines if newlines else _one_line, text)


def _one_line(match: re.Match[str]) -> str:
    character = match.group()
    return " " if character in "\n\t" else _escape(character)


def _keep_lines(match: re.Match[str]) -> str:
    character = match.group()
    return character if character in "\n\t" else _escape(character)


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def number(raw: str | bytes) -> int | None:
    """A number that Redis holds, of ASCII digits and at most 15 of them; None for all else, which anyone may have
    written."""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 15 else None
