"""Durations, rates and sizes: one parser each. Durations are integer milliseconds, sizes bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

DURATION_PATTERN = r"^([0-9]+(ms|[smhdw]))+$"
RATE_PATTERN = r"^[0-9]+/[0-9]*(ms|[smhdw])$"
SIZE_PATTERN = r"^[0-9]+ ?(B|[kKMG]B|[KMG]iB)$"

_UNIT_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_SIZE_BYTES = {
    "B": 1,
    "kB": 1_000,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1_024,
    "MiB": 1_048_576,
    "GiB": 1_073_741_824,
}
_MAX_DURATION_MS = 100 * 365 * _UNIT_MS["d"]
_MAX_RATE_COUNT = 1_000_000_000
_MAX_RATE_MS = 366 * _UNIT_MS["d"]
_PART = re.compile(r"([0-9]{1,15})(ms|[smhdw])", re.ASCII)
_RATE = re.compile(r"([0-9]{1,15})/([0-9]{1,15})?(ms|[smhdw])", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{1,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` starts in every `per_ms` milliseconds."""

    count: int
    per_ms: int


def parse_duration(text: str) -> int:
    """Milliseconds of `250ms`, `30s`, `5m`, `1h30m`, `7d`: whole numbers, each unit once, largest first.

    Raises ValueError for anything else and for more than 100 years.
    """
    total, end, last_unit = 0, 0, None
    while match := _PART.match(text, end):
        amount, unit = int(match[1]), match[2]
        if last_unit is not None and _UNIT_MS[unit] >= _UNIT_MS[last_unit]:
            raise ValueError(_bad_duration(text, f"`{unit}` cannot follow `{last_unit}`"))
        total, end, last_unit = total + amount * _UNIT_MS[unit], match.end(), unit
    if end == 0 or end != len(text):
        unitless = text.isascii() and text.isdigit()
        raise ValueError(_bad_duration(text, f"add a unit, such as `{text[:20]}s`" if unitless else ""))
    if total > _MAX_DURATION_MS:
        raise ValueError(_bad_duration(text, "more than 100 years"))
    return total


def duration_ms(value: float | str) -> int:
    """Milliseconds of a number of seconds or of a duration such as "5m": what functions of the API take.

    Raises ValueError for anything else, below 0 and from a thousand million seconds on.
    """
    if isinstance(value, str):
        return parse_duration(value)
    if not 0 <= value < 1e9:
        raise ValueError(f"expected a number of seconds from 0 on, or a duration such as `30s`, found `{value!r}`")
    return round(value * 1000)


def _bad_duration(text: str, reason: str) -> str:
    expected = f"expected a duration such as `30s`, `5m` or `1h30m`, found {_shown(text)}"
    return f"{expected} ({reason})" if reason else expected


def format_duration(ms: int) -> str:
    """Text that `parse_duration` reads back: `1h30m`, `250ms`, `0s`. Raises ValueError below 0."""
    if ms < 0:
        raise ValueError(f"a duration cannot be negative, found {ms} ms")
    if ms == 0:
        return "0s"
    parts: list[str] = []
    for unit, unit_ms in _UNIT_MS.items():
        if unit == "w":
            continue
        amount, ms = divmod(ms, unit_ms)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts)


def parse_rate(text: str) -> Rate:
    """`100/m`, `5/s`, `1000/h`, `10/5m`.

    Raises ValueError for anything else, for a zero, and for more than 1,000,000,000 or a period of more than 366 days.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a rate such as `100/m` or `5/s`, found {_shown(text)}")
    rate = Rate(int(match[1]), int(match[2] or 1) * _UNIT_MS[match[3]])
    if rate.count == 0 or rate.per_ms == 0:
        raise ValueError(f"a rate must be above zero, found {_shown(text)}")
    if rate.count > _MAX_RATE_COUNT or rate.per_ms > _MAX_RATE_MS:
        raise ValueError(f"a rate is at most {_MAX_RATE_COUNT} in at most 366d, found {_shown(text)}")
    return rate


def format_rate(count: int, per_ms: int) -> str:
    """Text that `parse_rate` reads back: `100/m`, `10/5m`."""
    amount, unit = next((per_ms // ms, unit) for unit, ms in _UNIT_MS.items() if per_ms % ms == 0)
    return f"{count}/{'' if amount == 1 else amount}{unit}"


def parse_size(text: str) -> int:
    """Bytes of `256KiB`, `512MB`, `100B`: KB is 1000 bytes, KiB 1024. Raises ValueError for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _SIZE_BYTES:
        raise ValueError(f"expected a size such as `256KiB` or `512MB`, found {_shown(text)}")
    return int(match[1]) * _SIZE_BYTES[match[2]]


def _shown(text: str) -> str:
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`" if text.strip() else "empty text"
