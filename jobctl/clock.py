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


def to_datetime(ms: int) -> datetime:
    """An instant in milliseconds as an aware UTC datetime."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    """An aware datetime as milliseconds since the Unix epoch."""
    return round(moment.timestamp() * 1000)
