"""What became of a job that was released: the outcome of its first attempt afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.store.data.states import BY_NAME

if TYPE_CHECKING:
    from jobctl.store.data.found import Found


def outcome(job: Found | None, before: int) -> str | None:
    """`completed`, `again` (it failed), `none` (it was cancelled or taken away before it ran) or None, if it is still
    to come. `before` is how many attempts it had had when it was released.

    A job that is gone has completed: of those that end otherwise, none is forgotten so soon.
    """
    if job is None:
        return "completed"
    state, attempts = BY_NAME[job.state], job.record.count - before
    if state.well:
        return "completed" if attempts <= 1 else "again"
    if attempts > 0:
        return "again"
    if state.name == "dead":
        return "again"
    return "none" if state.ended else None
