"""The record of a blocked event loop, a part of others."""

from __future__ import annotations

from datetime import datetime

import msgspec


class BlockedLoop(msgspec.Struct, frozen=True, kw_only=True):
    """A job that blocks the event loop of its process, at the line `where`; None for `job` if it cannot be told."""

    job: str | None
    queue: str | None
    where: str
    since: datetime
