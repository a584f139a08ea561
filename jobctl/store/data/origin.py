"""Where changes come from: what the audit log says of the one who makes them."""

from __future__ import annotations

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, under which profile, and why; and the operation that it is a part of. Empty where nobody typed:
    the entry of a worker or a program."""

    command: str = ""
    profile: str = ""
    reason: str = ""
    operation: str = ""
    latest_ms: int | None = None
    """When that was planned (Redis's clock, epoch ms): jobs that have ended since are not meant."""
    acting: str = ""
    """The bot in whose name it is done, beside who does it."""


NOBODY = Origin()
