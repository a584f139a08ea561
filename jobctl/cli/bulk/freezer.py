"""`--plan FILE`: the exact set of a change, kept for `jobctl op apply`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobctl.ops.bulk.frozen import Job
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb
    from jobctl.store import Store
    from jobctl.store.data.found import Found


class Freezer:
    """Collects the jobs of a plan, if there is a file to write them to."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._jobs: list[Job] = []

    @property
    def take(self) -> Callable[[Found], None] | None:
        """What is to be called with each job; None without a file."""
        if self._path is None:
            return None
        from jobctl.ops.bulk import frozen

        return lambda job: self._jobs.append(frozen.of(job))

    def write(self, store: Store, verb: Verb, planned: Planned) -> None:
        """Write the file. Raises UsageError."""
        from jobctl.ops.bulk import frozen

        if self._path is not None:
            frozen.write(self._path, store, verb, planned.selection, self._jobs)
