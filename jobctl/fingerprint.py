"""The group of a dead letter: what it has in common with others that failed for the same reason."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

MAX_MESSAGE = 2_000
"""Characters of a message that count."""


def fingerprint(job_type: str, error: str, message: str, traceback: str | None) -> str:
    """The group of a dead letter: eight hex digits, equal for failures that differ only in their subject.

    It is made of the job type, the error class, the message's first line without its ids, numbers, quoted
    texts, addresses and paths, and the file and function (no line number) of the innermost user frame.
    """
    first_line = next((line for line in message.splitlines() if line.strip()), "")
    parts = (
        job_type,
        error,
        _VARIABLE.sub(_placeholder, first_line[:MAX_MESSAGE]).strip(),
        _place(traceback),
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


_VARIABLE = re.compile(
    r"""
    (?P<kept>\b(?:exit|signal|HTTP|answered|Errno|errno|SQLSTATE)[ :]\w+)
  | (?P<url>\b\w+://[^\s'"]+)
  | (?P<text>"[^"\n]*"|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w))
  | (?P<email>\b[\w.+-]{1,64}@[\w.-]+)
  | (?P<path>(?:(?<![\w/])(?:~|\.{1,2})?(?:/[^\s:,;'")\]/]+)+/?)|\b[A-Za-z]:\\[^\s'"]+)
  | (?P<id>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b0[xX][0-9a-fA-F]+\b|\b(?=\w*\d)\w{8,}\b)
  | (?P<number>\d+)
    """,
    re.VERBOSE,
)


def _placeholder(match: re.Match[str]) -> str:
    return match.group() if match.lastgroup == "kept" else f"<{match.lastgroup}>"


_FRAME = re.compile(r'^\s+File "(?P<file>[^"\n]+)", line \d+, in (?P<function>[^\n]+)$', re.MULTILINE)
_LIBRARY = re.compile(r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python\d|^<frozen ")


def _place(traceback: str | None) -> str:
    """`folder/file.py:function` of the innermost user frame; the folders above differ from host to host."""
    frames = [(match["file"], match["function"]) for match in _FRAME.finditer(traceback or "")]
    if not frames:
        return ""
    users = [frame for frame in frames if not _LIBRARY.search(frame[0])]
    file, function = (users or frames)[-1]
    return "/".join(Path(file).parts[-2:]) + ":" + function
