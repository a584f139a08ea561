"""What a check finds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

SHOWN = 5
"""How many names a finding lists; beyond that it gives the number."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at. `status`: ok, warn or fail; `found` is what is, `advice` what to do, `since` when
    it began, if that is known, and `command` what to type next, if there is a command for it."""

    check: str
    status: str
    found: str
    advice: str = ""
    since: datetime | None = None
    command: str = ""


def listed(items: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    every = list(items)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
