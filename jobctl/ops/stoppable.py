"""Which job types can be stopped while they run."""

from __future__ import annotations

import sys
from pathlib import Path

from jobctl.catalog.model import Catalog, CommandSpec, HttpSpec, JobType
from jobctl.errors import UsageError


class Stoppable:
    """Says of a job type why a running job of it cannot be stopped; each is looked at once."""

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._known: dict[str, str | None] = {}

    def why_not(self, name: str) -> str | None:
        """None if a running job can be stopped: commands, requests and coroutines end when they are asked to."""
        if name not in self._known:
            self._known[name] = self._judge(name)
        return self._known[name]

    def _judge(self, name: str) -> str | None:
        if self._catalog is None:
            return "without a catalog it is not known what runs it"
        job_type = self._catalog.jobs.get(name)
        if job_type is None:
            return f"the catalog has no job type `{name}`"
        if isinstance(job_type.handler, CommandSpec | HttpSpec):
            return None
        return self._judge_python(job_type)

    def _judge_python(self, job_type: JobType) -> str | None:
        """Whether a Python function is a coroutine can only be seen by importing it, as its worker did."""
        from jobctl.handlers import build, enforces_deadline

        folder = Path((self._catalog and self._catalog.path) or "jobs.yaml").resolve().parent
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        try:
            stops = enforces_deadline(build(job_type, folder=folder))
        except UsageError as error:
            return f"its code does not import here ({error.message})"
        return None if stops else f"`{job_type.name}` is a plain Python function"
