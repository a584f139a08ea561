"""Attempts: what is kept of each run of a job, apart from its record, so that lists need not read it.

A job's attempts are lines, the oldest first: the digest of the attempt's traceback, a space, the attempt as JSON. What
is raised at one place has the same traceback again and again: a queue keeps each once, under its digest, without the
message at its end. A script adds a line, drops one and counts a traceback's uses without decoding any of it.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec

from jobctl import clock
from jobctl.store.data.records import AttemptRecord

MAX_LINE = 4_000
"""Bytes of an attempt, of which most are its message."""
_DIGEST_BYTES = 12
_NO_TRACE = b"-"
_MESSAGE = "\0"
"""At the end of a kept traceback: the attempt's message follows here, and a line end."""


class Lived(msgspec.Struct, array_like=True):
    """An attempt. `started` in epoch ms, `duration` in seconds."""

    number: int
    outcome: str
    host: str
    pid: int
    started: int
    duration: float
    error: str | None = None
    message: str | None = None
    traceback: str | None = None


class Ran(msgspec.Struct, array_like=True, frozen=True):
    """The attempt that completed a job: all that its record, which holds it, does not say already."""

    host: str
    pid: int
    started: int
    duration: float


class _Line(msgspec.Struct, array_like=True):
    """A `Lived` as it is stored, without its traceback."""

    number: int
    outcome: str
    host: str
    pid: int
    started: int
    duration: float
    error: str | None
    message: str | None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


def encode(attempt: Lived) -> tuple[bytes, bytes]:
    """The attempt's line, and the text to be kept under the digest that it names; empty if it has no traceback."""
    trace = _shared(attempt)
    line = _line(attempt, attempt.message)
    if len(line) > MAX_LINE and attempt.message:
        line = _line(attempt, f"{attempt.message[: MAX_LINE // 8]}…")  # a character may take six bytes
    return b"%b %b" % (_digest(trace) if trace else _NO_TRACE, line), trace


def _line(attempt: Lived, message: str | None) -> bytes:
    a = attempt
    return _encode(_Line(a.number, a.outcome, a.host, a.pid, a.started, a.duration, a.error, message))


def _shared(attempt: Lived) -> bytes:
    """The traceback without the message that ends it."""
    text = attempt.traceback
    if not text:
        return b""
    message = attempt.message
    if message and len(message) <= MAX_LINE // 8 and text.endswith(f"{message}\n"):
        text = text.removesuffix(f"{message}\n") + _MESSAGE
    return text.encode("utf-8", "backslashreplace")


def _digest(trace: bytes) -> bytes:
    return urlsafe_b64encode(hashlib.blake2b(trace, digest_size=_DIGEST_BYTES).digest())


def decode(lines: bytes, traces: Mapping[bytes, bytes]) -> tuple[Lived, ...]:
    """The attempts of a job; `traces` holds the texts that they name. What cannot be read is left out."""
    return tuple(attempt for line in lines.split(b"\n") if (attempt := _read(line, traces)))


def _read(line: bytes, traces: Mapping[bytes, bytes]) -> Lived | None:
    digest, _, data = line.partition(b" ")
    try:
        kept = _decode(data)
    except (ValueError, RecursionError):
        return None
    text = traces[digest].decode("utf-8", "replace") if digest in traces else None
    if text is not None and text.endswith(_MESSAGE):
        text = f"{text.removesuffix(_MESSAGE)}{kept.message or ''}\n"
    k = kept
    return Lived(k.number, k.outcome, k.host, k.pid, k.started, k.duration, k.error, k.message, text)


def record_of(attempt: Lived) -> AttemptRecord:
    """A stored attempt in the machine format."""
    return AttemptRecord(
        number=attempt.number,
        outcome=attempt.outcome,
        error=attempt.error,
        message=attempt.message,
        traceback=attempt.traceback,
        host=attempt.host,
        pid=attempt.pid,
        started_at=clock.to_datetime(attempt.started),
        duration_s=attempt.duration,
    )
