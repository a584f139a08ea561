"""How many rows a script call takes at once, learned from how far the calls before came.

A call stops when its budget is used up; the rows that it did not reach have cost Redis their reading all the same (1 µs
an argument), each time they are sent. So no more are sent than it is likely to reach.
"""

from __future__ import annotations

START = 100
"""Rows in a first call."""
MOST = 500
"""Rows in any call."""
REMEMBERED = 1_024
"""What is remembered: beyond that it is learned again."""

Key = tuple[str, str, str]
"""A script, a queue, and what tells its rows from others that cost more or less."""


class Pace:
    """Of one process. Threads may lose each other's lessons: they are learned again."""

    def __init__(self) -> None:
        self._rows: dict[Key, int] = {}

    def rows(self, key: Key) -> int:
        """How many rows go into the next call, at most."""
        return self._rows.get(key, START)

    def learn(self, key: Key, sent: int, reached: int) -> None:
        """A call reached so many of the rows that it was sent: if all, the next may have twice as many."""
        known = self._rows.get(key, START)
        pace = reached + reached // 8 + 1 if reached < sent else max(known, min(MOST, 2 * sent))
        if pace != known:
            if len(self._rows) >= REMEMBERED:
                self._rows.clear()
            self._rows[key] = pace
