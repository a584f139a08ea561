"""What an alert's condition finds at this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from jobctl.catalog.imports import placed
from jobctl.errors import UsageError
from jobctl.ops import queues
from jobctl.ops.known import catalog_queues, known_queues
from jobctl.ops.stats import parsed
from jobctl.ops.vitals import Bounds, Vital, failures, lateness, memory, of_queues_that_match

if TYPE_CHECKING:
    from jobctl.catalog.model import Alert, Catalog
    from jobctl.catalog.problems import Problem
    from jobctl.ops.filters.filter import Filter
    from jobctl.store import Store
    from jobctl.store.data.records import QueueRow

_BOUNDS: Mapping[str, Callable[[float], Bounds]] = {
    "dead": lambda limit: Bounds(dead=int(limit)),
    "latency": lambda limit: Bounds(latency_s=limit),
    "waiting": lambda limit: Bounds(waiting=int(limit)),
    "workers": lambda limit: Bounds(workers=int(limit)),
}
"""The measures of queues, as `check` takes them."""


class Judge:
    """Judges the alerts of a catalog, all by one look at the queues."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    @cached_property
    def _queues(self) -> list[QueueRow]:
        names = known_queues(self._store, self._catalog)
        return queues.ls(self._store, self._catalog, names) if names else []

    def vital(self, alert: Alert) -> Vital:
        """What is found; the condition holds if it is not `ok`. Raises UsageError for a filter that cannot be used."""
        wanted = read_filter(alert)
        if alert.measure == "late":
            return lateness(self._store, self._catalog, alert.limit)
        if alert.measure == "memory":
            return memory(self._store, alert.limit, alert.unit)
        if alert.measure == "failure_rate":
            judge = partial(failures, self._store, wanted, alert.limit / 100, alert.window_ms)
            return judge(by_type="job" in wanted.keys)
        rows = [row for row in self._queues if wanted.possible(queue=row.queue)]
        [found] = of_queues_that_match(rows, _BOUNDS[alert.measure](alert.limit), catalog_queues(self._catalog))
        return found


def read_filter(alert: Alert) -> Filter:
    """The filter of an alert. Raises UsageError for one that cannot be used."""
    wanted = parsed([alert.filter] if alert.filter else [])
    if "job" in wanted.keys and alert.measure in _BOUNDS:
        raise UsageError(f"`{alert.measure}` is measured of queues, not by job:", "use queue:, or `failure_rate`")
    return wanted


def problems(catalog: Catalog) -> list[Problem]:
    """What is wrong with the filters of a catalog's alerts, with their places."""
    found = []
    for alert in catalog.alerts.values():
        try:
            wanted = read_filter(alert)
        except UsageError as error:
            found.append(placed(catalog, f"alerts.{alert.name}.filter", error.message, error.hint))
            continue
        own = [job for job in catalog.jobs.values() if wanted.possible(queue=job.queue, type=job.name)]
        if alert.filter and not own and not any(wanted.possible(queue=name) for name in catalog.queues):
            said = f"no queue and no job type of the catalog matches `{alert.filter}`"
            found.append(placed(catalog, f"alerts.{alert.name}.filter", said))
    return found
