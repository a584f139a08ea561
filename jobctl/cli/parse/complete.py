"""Live completion: job types, queues and schedules of this process's catalog. Never fails, never prints errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.settings import Settings
    from jobctl.store import Store

_SAFE = re.compile(r"[A-Za-z0-9_.:@%+-]{1,100}")
"""Shells evaluate what they are offered: only plain names are."""
LOOK_S = 1.0
"""How long a call to Redis may take while someone is typing."""


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


def _live(ctx: Any, incomplete: str, names: Callable[[Store], Iterable[str]]) -> list[str]:
    def found(settings: Settings) -> Iterable[str]:
        from jobctl.ops.connect import open_store

        return names(open_store(settings, None, timeout_s=LOOK_S))

    return _offered(ctx, incomplete, found)


def _names(ctx: Any, incomplete: str, of: Callable[[Catalog], Iterable[str]]) -> list[str]:
    def found(settings: Settings) -> Iterable[str]:
        from jobctl.catalog.compiled import load

        return of(load(settings.catalog_path, settings.cache_dir))

    return _offered(ctx, incomplete, found, flags=("catalog", "profile"))


def _values(ctx: Any, key: str, incomplete: str) -> list[str]:
    """Values of a payload's key that is indexed."""

    def found(settings: Settings) -> Iterable[str]:
        from jobctl.catalog.compiled import load
        from jobctl.ops.connect import open_store
        from jobctl.ops.indexes import values

        catalog = load(settings.catalog_path, settings.cache_dir)
        return values(open_store(settings, catalog, timeout_s=LOOK_S), catalog, key)

    return _offered(ctx, incomplete, found)


def _offered(
    ctx: Any,
    incomplete: str,
    find: Callable[[Settings], Iterable[str]],
    flags: Sequence[str] = ("catalog", "redis", "namespace", "profile"),
) -> list[str]:
    """What is found by the settings of the command that is being typed, as far as a shell may be offered it.
    `flags` are those that matter: a wrong one must not hide what does not depend on it."""
    try:
        from jobctl.settings import resolve

        given: Mapping[str, Any] = ctx.params if ctx is not None else {}
        found = find(resolve(**{flag: given[flag] for flag in flags if flag in given}))
    except Exception:  # noqa: BLE001 - a broken catalog, or a Redis that is away, must not disturb who is typing
        return []
    return [name for name in found if name.startswith(incomplete) and _SAFE.fullmatch(name)]


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


def _indexed(catalog: Catalog) -> Mapping[str, None]:
    """The payload keys that some job type has an index of."""
    return dict.fromkeys(key for job in catalog.jobs.values() for key in (*job.index, *job.index_hidden))


def counted_by(incomplete: str) -> list[str]:
    """For --by."""
    whats = ("type", "queue", "state", "group", "error", "host", "hour", "args.")
    return [what for what in whats if what.startswith(incomplete)]
