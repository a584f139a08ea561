"""The dates on which a schedule has no ticks: listed, or in a file beside the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from jobctl.catalog.problems import Path as Place
from jobctl.catalog.report import Report, shown

MAX_BYTES = 262_144


class DateFiles:
    """Files of dates, found from the catalog's folder. `digests`: what was read, for the cache of the catalog."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.digests: dict[str, str] = {}

    def read(self, name: str, place: Place, report: Report) -> tuple[str, ...]:
        """The dates of a file, one a line; `#` begins a comment. What is wrong goes to the report."""
        path = self._folder / name
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            text = data.decode()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            report.add(place, f"the file {shown(name)} cannot be read: {reason}")
            return ()
        if len(data) > MAX_BYTES:
            report.add(place, f"the file {shown(name)} is larger than {MAX_BYTES // 1024} KiB")
            return ()
        self.digests[str(path)] = hashlib.sha256(data).hexdigest()
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            day = line.partition("#")[0].strip()
            if day and is_date(day):
                found.append(day)
            elif day:
                report.add(place, f"{name}:{number}: expected a date such as `2026-12-25`, found {shown(day)}")
                break
        return in_order(found)


def in_order(dates: Sequence[str]) -> tuple[str, ...]:
    """Dates in order, each once."""
    return tuple(sorted(set(dates)))


def is_date(text: str) -> bool:
    """Whether a text is a date of the calendar, written as in ISO 8601: `2026-12-25`."""
    try:
        return len(text) == 10 and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
