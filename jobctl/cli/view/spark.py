"""Numbers as a line of small bars."""

from __future__ import annotations

from collections.abc import Sequence

from jobctl.cli.view.paint import Paint
from jobctl.cli.view.screen import Screen

BARS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-=+*#@"
"""Where the output's encoding has no bars."""


def sparkline(screen: Screen, numbers: Sequence[float]) -> str:
    """A bar for each number, the largest the highest; empty where nothing happened at all."""
    most = max(numbers, default=0)
    if most <= 0:
        return ""
    bars = BARS if Paint.of(screen).glyphs else PLAIN
    return "".join(bars[round(number / most * (len(bars) - 1))] for number in numbers)
