"""The worst calls of each script that are known, in the order in which they run."""

from __future__ import annotations

from benchmarks.worst import attempts, changes, fetches, looks, operations, others  # noqa: F401  # each adds its cases
from benchmarks.worst.case import CASES, Case

__all__ = ["CASES", "Case"]

CASES.sort(key=lambda each: each.script == "empty")  # last: it takes the crowd away
