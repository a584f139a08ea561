"""Live completion: job types, queues and schedules of this process's catalog. Never fails, never prints errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

_SAFE = re.compile(r"[A-Za-z0-9_.:@%+-]{1,100}")
"""Shells evaluate what they are offered: only plain names are."""


def job_types(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes a job type."""
    return _names(ctx, incomplete, lambda catalog: catalog.jobs)


def queues(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes a queue."""
    return _names(
        ctx,
        incomplete,
        lambda catalog: {
            **dict.fromkeys(catalog.queues),
            **dict.fromkeys(job.queue for job in catalog.jobs.values()),
        },
    )


def limits(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes a limit: a job type, or `queue:NAME`."""
    return _names(
        ctx,
        incomplete,
        lambda catalog: {
            **{job.name: None for job in catalog.jobs.values() if job.rate_limit or job.concurrency},
            **{
                f"queue:{queue.name}": None
                for queue in catalog.queues.values()
                if queue.rate_limit or queue.concurrency
            },
        },
    )


def alerts(ctx: Any, incomplete: str) -> list[str]:
    """Names of the catalog's alerts."""
    return _names(ctx, incomplete, lambda catalog: catalog.alerts)


def schedules(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes a schedule."""
    return _names(ctx, incomplete, lambda catalog: catalog.schedules)


def workers(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes the name of a running worker."""
    return _live(ctx, incomplete, lambda store: [row.name for row in store.processes.ls() if row.kind == "worker"])


def operations(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes an operation."""
    return _live(ctx, incomplete, lambda store: [row.id for row in store.operations.latest(50)])


def _live(ctx: Any, incomplete: str, names: Callable[[Store], list[str]]) -> list[str]:
    try:
        from jobctl.ops.connect import open_store
        from jobctl.settings import resolve

        given = ctx.params if ctx is not None else {}
        settings = resolve(
            catalog=given.get("catalog"),
            redis=given.get("redis"),
            namespace=given.get("namespace"),
            profile=given.get("profile"),
        )
        found = names(open_store(settings, None, timeout_s=1.0))
    except Exception:  # noqa: BLE001 - a Redis that is away must not disturb the person who is typing
        return []
    return [name for name in found if name.startswith(incomplete) and _SAFE.fullmatch(name)]


def _names(ctx: Any, incomplete: str, of: Callable[[Catalog], Mapping[str, Any]]) -> list[str]:
    try:
        from jobctl.catalog.compiled import load
        from jobctl.settings import resolve

        given = ctx.params if ctx is not None else {}
        settings = resolve(catalog=given.get("catalog"), profile=given.get("profile"))
        names = of(load(settings.catalog_path, settings.cache_dir))
    except Exception:  # noqa: BLE001 - a broken catalog must not disturb the person who is typing
        return []
    return [name for name in names if name.startswith(incomplete) and _SAFE.fullmatch(name)]


def filters(ctx: Any, incomplete: str) -> list[str]:
    """For an argument that takes filters: keys, and the values of those that the catalog, or jobctl, knows."""
    if incomplete.startswith("args."):
        given, equals, value = incomplete.removeprefix("args.").partition("=")
        if equals:
            return [f"args.{given}={known}" for known in _values(ctx, given, value)]
        return [f"args.{key}=" for key in _names(ctx, given, _indexed)]
    key, colon, value = incomplete.partition(":")
    if not colon:
        from jobctl.ops.filters.keys import SPELLINGS

        return [spelling for spelling in SPELLINGS.replace("KEY=", "").split() if spelling.startswith(incomplete)]
    match key:
        case "queue":
            known = queues(ctx, value)
        case "job":
            known = job_types(ctx, value)
        case "state":
            from jobctl.store.data.states import STATES

            known = [state for state in STATES if state.startswith(value)]
        case _:
            return []
    return [f"{key}:{name}" for name in known]


def _values(ctx: Any, key: str, incomplete: str) -> list[str]:
    """Values of a payload's key that is indexed."""
    try:
        from jobctl.catalog.compiled import load
        from jobctl.ops.connect import open_store
        from jobctl.ops.indexes import values
        from jobctl.settings import resolve

        given = ctx.params if ctx is not None else {}
        settings = resolve(
            catalog=given.get("catalog"),
            redis=given.get("redis"),
            namespace=given.get("namespace"),
            profile=given.get("profile"),
        )
        catalog = load(settings.catalog_path, settings.cache_dir)
        found = values(open_store(settings, catalog, timeout_s=1.0), catalog, key)
    except Exception:  # noqa: BLE001 - a Redis that is away must not disturb the person who is typing
        return []
    return [value for value in found if value.startswith(incomplete) and _SAFE.fullmatch(value)]


def _indexed(catalog: Catalog) -> Mapping[str, None]:
    """The payload keys that some job type has an index of."""
    return dict.fromkeys(key for job in catalog.jobs.values() for key in (*job.index, *job.index_hidden))


def counted_by(incomplete: str) -> list[str]:
    """For --by."""
    whats = ("type", "queue", "state", "group", "error", "host", "hour", "args.")
    return [what for what in whats if what.startswith(incomplete)]
