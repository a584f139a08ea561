"""How a fetcher gets past jobs of the other side, which has no slot for them, in the queues that both sides share.

Jobs without limits are put aside, into the lane of their type: of what is in lanes and what is not, a fetch takes half
each, so they are in the way once and then no more. If a fetch brings nothing else, the shared queues are left alone for
a moment: a long backlog of the other side is walked through, but not at the cost of everybody else in Redis.
"""

from __future__ import annotations

from collections.abc import Container

DEPTH = 64
"""How many jobs of the shared queues are asked for at once after some were in the way."""
PAUSE_S = 0.05


class Detour:
    """For one fetcher; `shared` are the queues that have jobs for both sides."""

    def __init__(self, shared: Container[str]) -> None:
        self.until: float | None = None
        """Until when the shared queues are left alone (monotonic clock)."""
        self._shared = shared
        self._deep = False

    def plan(self, queues: list[str], room: int) -> tuple[list[str], int]:
        """Which of these queues to ask where there is room for so many jobs, and for how many."""
        if self.until is not None:
            return [queue for queue in queues if queue not in self._shared], room
        deep, self._deep = self._deep, False
        shared = [queue for queue in queues if queue in self._shared] if deep else []
        return (shared, max(room, DEPTH)) if shared else (queues, room)

    def went(self, taken: int, in_the_way: int, now: float) -> None:
        """So many jobs were taken, and so many refused that are of the other side."""
        self._deep = in_the_way > 0
        if in_the_way and not taken:
            self.until = now + PAUSE_S
