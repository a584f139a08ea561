"""What is wrong now, the most urgent first, and what to type next. The rules are doctor's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl.errors import RedisUnavailable
from jobctl.ops.doctor import activity, alerts, jobs, schedules, server, workers
from jobctl.ops.doctor.check import Check
from jobctl.ops.known import known_queues

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

URGENCY = (
    "redis", "role", "disk", "memory", "eviction", "workers", "quiet workers", "threads", "event loops", "restarts",
    "memory of workers", "scheduler", "ticks", "alerts", "backlog", "latency", "errors", "limits", "beats", "pauses",
    "schedule pauses",
)  # fmt: skip
"""Checks of the same status in the order in which someone should look at them; the others come after these."""
STATUSES = ("fail", "warn", "ok")


def triage(store: Store, catalog: Catalog | None) -> list[Check]:
    """What someone should look at, and the backlogs that get smaller (`ok`). Redis away is a row."""
    try:
        rows = list(_looked(store, catalog))
    except RedisUnavailable as error:
        return [Check("redis", "fail", error.message, error.hint, command="jobctl doctor")]
    worth_a_line = [row for row in rows if row.status != "ok" or row.check == "backlog"]
    return sorted(worth_a_line, key=_urgency)


def healthy(rows: list[Check]) -> bool:
    """Whether nobody needs to act."""
    return all(row.status == "ok" for row in rows)


def _looked(store: Store, catalog: Catalog | None) -> Iterator[Check]:
    yield from server.state(store)
    names = known_queues(store, catalog)
    depths, serving = store.queues.depth(names), store.processes.serving()
    yield from activity.checks(store, depths, serving)
    yield from workers.checks(store, catalog)
    yield from jobs.checks(store, catalog)
    yield from schedules.checks(store, catalog) if catalog else ()
    yield from alerts.checks(store, catalog) if catalog else ()


def _urgency(row: Check) -> tuple[int, int]:
    return STATUSES.index(row.status), URGENCY.index(row.check) if row.check in URGENCY else len(URGENCY)
