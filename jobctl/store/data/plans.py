"""Plans of changes of many jobs: how many of what, and some examples."""

from __future__ import annotations

import msgspec

MAX_SAMPLES = 3


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a plan: jobs of one queue in the same state, with the same job type and, if they are dead, error.

    `type` is None where jobs of all types are meant.
    """

    queue: str
    state: str
    type: str | None
    group: str | None
    error: str | None
    count: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One job as an example of many. `message`: of the failure, if it died."""

    id: str
    queue: str
    state: str
    type: str
    label: str | None = None
    message: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk change would do (`--dry-run`): a bulk result in which nothing has changed, with its parts."""

    matched: int
    changed: int = 0
    skipped: int = 0
    failed: int = 0
    parts: tuple[PlanRow, ...]
    samples: tuple[Sample, ...] = ()
