"""How much one call may do, and how much is kept."""

from __future__ import annotations

BATCH = 500
"""Jobs in one script call: at most a few milliseconds of Redis's time."""

EVENTS_KEPT = 10_000
"""Entries in the stream of events, of some 8 KB each at most: see _events.lua."""
EVER = 2**53
"""An age in milliseconds and a count that nothing reaches."""
