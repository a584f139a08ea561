"""The one source of time. Instants are integer milliseconds since the Unix epoch, UTC; nothing else reads a clock.

What is *due* is decided by Redis's clock inside the scripts, never by this one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The wall clock of this machine, in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds on a clock that never goes back; for durations and deadlines inside one process."""
    return time.monotonic()


LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that a datetime can be."""


def to_datetime(ms: float) -> datetime:
    """An instant in milliseconds as an aware UTC datetime; one beyond 1970 or 9999 (rubbish) is the nearest to it."""
    return datetime.fromtimestamp(min(max(ms, 0), LAST_MS) / 1000, tz=UTC)


def iso(ms: float) -> str:
    """An instant in milliseconds as people read it, to the second: 2026-11-22T10:00:00Z."""
    return to_datetime(ms).isoformat(timespec="seconds").replace("+00:00", "Z")


_second: tuple[int, str] = (-1, "")


def stamp(ms: int) -> str:
    """An instant in milliseconds as RFC 3339 UTC: 2026-11-22T09:00:00.000Z. Quick for many of the same second."""
    global _second
    second, rest = divmod(ms, 1000)
    cached, text = _second  # one tuple, so that threads see both halves of the same moment
    if cached != second:
        text = to_datetime(second * 1000).strftime("%Y-%m-%dT%H:%M:%S")
        _second = (second, text)
    return f"{text}.{rest:03d}Z"


def to_ms(moment: datetime) -> int:
    """An aware datetime as milliseconds since the Unix epoch."""
    return round(moment.timestamp() * 1000)
