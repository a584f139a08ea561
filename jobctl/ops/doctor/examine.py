"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError, RedisUnavailable, UsageError
from jobctl.ops.doctor import alerts, jobs, keys, machine, schedules, server, workers
from jobctl.ops.doctor.check import Check

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def examine(store: Callable[[], Store], catalog: Callable[[], Catalog | None]) -> list[Check]:
    """Look at everything. Nothing is changed, and what cannot be seen is a row."""
    read, loaded = _catalog(catalog)
    rows = [read, *(machine.checks(loaded) if loaded else ())]
    try:
        opened = store()
        rows += server.checks(opened)
        rows.append(found := keys.check(opened, loaded))
        if found.status == "fail":
            return rows  # the others would only stumble over it
        rows += workers.checks(opened, loaded)
        rows += jobs.checks(opened, loaded)
        rows += schedules.checks(opened, loaded) if loaded else []
        rows += alerts.checks(opened, loaded) if loaded else []
    except RedisUnavailable as error:
        rows.append(Check("redis", "fail", error.message, error.hint))
    except UsageError:
        if read.status == "ok":
            raise
        advice = "correct the catalog, or give the namespace with --namespace"
        rows.append(Check("redis", "warn", "not looked at: the catalog says which namespace to look at", advice))
    return rows


def _catalog(catalog: Callable[[], Catalog | None]) -> tuple[Check, Catalog | None]:
    try:
        found = catalog()
    except JobctlError as error:
        problems = getattr(error, "problems", ())
        text = f"{len(problems)} problems" if problems else error.message
        return Check("catalog", "fail", text, "run `jobctl validate`"), None
    if found is None:
        return Check("catalog", "ok", "none here; job types and schedules are not checked"), None
    return Check("catalog", "ok", f"{found.path} is valid"), found
