"""What a catalog says of the limits of one job type, as processes tell each other."""

from __future__ import annotations

import msgspec


class Said(msgspec.Struct, frozen=True):
    """A job type's queue, and the limits that hold for it by name: what each allows, as the store keeps it, and the
    template of its key ("" for none)."""

    queue: str
    limits: dict[str, tuple[str, str]] = {}

    def __hash__(self) -> int:
        return hash((self.queue, *self.limits.items()))
