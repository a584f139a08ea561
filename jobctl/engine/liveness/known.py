"""What a process knows of the jobs and queues of its namespace.

Others may work there with other catalogs, or with none. A process that does not know a type does not judge its jobs: it
knows neither their retries nor what is to be hidden of their payloads.
"""

from __future__ import annotations

from typing import Protocol

from jobctl.catalog.model import Catalog, JobType, Keep
from jobctl.redaction import Patterns


class Known(Protocol):
    """What is known. Of everything else the answer is None, or nothing."""

    @property
    def catalog(self) -> Catalog:
        """This process's catalog; an empty one if it has none."""

    def has(self, name: str) -> bool:
        """Whether messages of that name are jobs of a type that is known."""

    def type_of(self, name: str) -> JobType | None:
        """The job type that messages of that name are of, as the catalog describes it."""

    def redacted(self, name: str) -> Patterns:
        """What is to be hidden of the payloads of that type."""

    def keep(self, queue: str) -> Keep | None:
        """How long ended jobs of a queue stay; None for a queue that is others'."""


class Cataloged:
    """What a catalog says."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    def has(self, name: str) -> bool:
        return self._catalog.type_of(name) is not None

    def type_of(self, name: str) -> JobType | None:
        return self._catalog.type_of(name)

    def redacted(self, name: str) -> Patterns:
        return self._catalog.redacted(name)

    def keep(self, queue: str) -> Keep | None:
        found = self._catalog.queues.get(queue)
        return found.keep if found else None
