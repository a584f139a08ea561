"""What a case is: a script in one of its worst states."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from benchmarks.worst.world import World

Steps = Callable[[World], Iterator[None]]
"""Prepares its jobs, yields, and makes the measured calls."""


class Case(msgspec.Struct, frozen=True):
    """`script` in the state that `what` describes."""

    script: str
    what: str
    steps: Steps


CASES: list[Case] = []


def case(script: str, what: str) -> Callable[[Steps], Steps]:
    """Add the decorated steps to the cases."""

    def add(steps: Steps) -> Steps:
        CASES.append(Case(script, what, steps))
        return steps

    return add
