"""Queues: how deep they are, one in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.ops import pauses
from jobctl.ops.known import catalog_queues, known_queues, no_queue
from jobctl.store.data.records import PauseRow, QueueDetail, QueueRow
from jobctl.store.nouns import depths, trimming

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def ls(store: Store, catalog: Catalog | None, names: Iterable[str] = ()) -> list[QueueRow]:
    """Queues with their depth: those named, or all that the catalog or Redis knows. Raises NothingMatched."""
    wanted = list(dict.fromkeys(names))
    known = known_queues(store, catalog)
    _require(wanted, known)
    serving = store.processes.serving()
    rows = store.queues.depth(wanted or known, catalog_queues(catalog))
    paused = pauses.ls(store)
    return [
        msgspec.structs.replace(
            row, workers=_workers(row, serving), paused_types=_paused_types(store, catalog, row.queue, paused)
        )
        for row in rows
    ]


def _paused_types(store: Store, catalog: Catalog | None, name: str, paused: Iterable[PauseRow]) -> tuple[str, ...]:
    types = [row for row in paused if row.type is not None]
    if not types:
        return ()
    return tuple(row.type for row in pauses.of_queue(store, catalog, name, types) if row.type is not None)


def _workers(row: QueueRow, serving: dict[str, int]) -> int | None:
    """Stock workers cannot be told apart from stock producers, so without a worker of ours the number is unknown."""
    is_stock = row.retrying is None and _has_anything(row)
    return serving.get(row.queue) or (None if is_stock else 0)


def _has_anything(row: QueueRow) -> bool:
    return any((row.waiting, row.delayed, row.running, row.dead))


def _require(wanted: Iterable[str], known: list[str]) -> None:
    for name in wanted:
        if name not in known:
            raise no_queue(name, known)


def show(store: Store, catalog: Catalog | None, name: str) -> QueueDetail:
    """One queue in full. Raises NothingMatched."""
    [row] = ls(store, catalog, [name])
    held = pauses.of_queue(store, catalog, name, pauses.ls(store))
    pause = next((p for p in reversed(held) if p.type is None), None)
    completed, died = depths.ended_of_late(store, name, store.processes.now_ms())
    types = [] if catalog is None else [job.name for job in catalog.jobs.values() if job.queue == name]
    dropped = trimming.dropped(store, [name]).get(name)
    fields: dict[str, Any] = msgspec.structs.asdict(row)
    return QueueDetail(
        **fields,
        pause_reason=pause.reason if pause else None,
        pause_until=pause.until if pause else None,
        paused_by=pause.by if pause else None,
        completed_last_minute=completed,
        died_last_minute=died,
        oldest_waiting=depths.oldest_waiting(store, name) if row.waiting else None,
        job_types=tuple(sorted(types)),
        groups=tuple(store.dead.groups(name)),
        dropped=dropped.count if dropped else 0,
        last_dropped_at=dropped.last if dropped else None,
        served_by=tuple(p.name for p in store.processes.ls() if p.kind == "worker" and name in p.queues),
        pauses=tuple(held),
    )
