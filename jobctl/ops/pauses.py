"""Pauses: of queues, of job types, of everything. Who is paused, pause, resume."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.errors import NothingMatched, UsageError
from jobctl.ops.known import known_queues, no_queue
from jobctl.store.data.records import PauseRow
from jobctl.store.nouns.audit import me
from jobctl.store.nouns.pauses import EVERYTHING, Pause, of_type, type_of

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def ls(store: Store) -> list[PauseRow]:
    """What is paused at this moment: everything first, then queues, then job types."""
    return [_row(scope, pause) for scope, pause in sorted(store.pauses.now().items(), key=_order)]


def _order(item: tuple[str, Pause]) -> tuple[int, str]:
    scope = item[0]
    return (0 if scope == EVERYTHING else 1 if type_of(scope) is None else 2, scope)


def scopes(
    store: Store, catalog: Catalog | None, queues: Iterable[str], types: Iterable[str], *, everything: bool
) -> list[str]:
    """What is meant by names of queues, of job types, or `--all`.

    What is paused already may be named though nobody knows it any more. Raises UsageError or NothingMatched.
    """
    names, kinds = list(dict.fromkeys(queues)), list(dict.fromkeys(types))
    if everything:
        if names or kinds:
            raise UsageError("--all means everything: do not combine it with names or --type")
        return [EVERYTHING]
    if not names and not kinds:
        raise UsageError("nothing selected", "name queues, or pass --type TYPE or --all")
    paused = store.pauses.now()
    known = known_queues(store, catalog) if names else []
    for name in names:
        prefix, _, job_type = name.partition(":")
        if prefix in ("job", "type") and job_type:
            raise UsageError(f"{name} is no queue", f"name the job type with --type {job_type}")
        if name not in known and name not in paused:
            raise no_queue(name, known)
    for name in kinds:
        if of_type(name) not in paused:
            _require_type(catalog, name)
    return [*names, *map(of_type, kinds)]


def _require_type(catalog: Catalog | None, name: str) -> None:
    """Without a catalog every name may be a job type."""
    if catalog is None:
        if not name or not name.isprintable():
            raise UsageError(f"invalid job type {name[:60]!r}")
    elif name not in catalog.jobs:
        close = difflib.get_close_matches(name, list(catalog.jobs), n=1, cutoff=0.5)
        raise NothingMatched(
            f"no job type {name}", f"did you mean {close[0]}?" if close else "the catalog does not have it"
        )


def pause(
    store: Store, targets: Sequence[str], until_ms: int | None, reason: str, *, closed: bool = False
) -> list[PauseRow]:
    """Stop handing out jobs until a moment (Redis's clock), or until resumed; `closed` shuts producers out, too."""
    before = store.pauses.now()
    new = Pause(until_ms or 0, reason, me(), closed)
    rows = []
    for scope in targets:
        store.pauses.pause(scope, new)
        old = before.get(scope)
        row = _row(scope, new, changed=old is None or msgspec.structs.replace(old, by=new.by) != new)
        parts = (f"until {_iso(row.until)}" if row.until else "", "no producers" if closed else "", reason)
        store.audit.add("queue pause", target(scope), 1, " ".join(filter(None, parts)))
        rows.append(row)
    return rows


def resume(store: Store, targets: Sequence[str]) -> list[PauseRow]:
    """Hand out jobs again."""
    registered = store.queues.registered()
    rows = []
    for scope in targets:
        everywhere = scope == EVERYTHING or type_of(scope) is not None
        was = store.pauses.resume(scope, registered if everywhere else [scope])
        if was:
            store.audit.add("queue resume", target(scope), 1)
        rows.append(_row(scope, None, changed=was))
    return rows


def of_queue(store: Store, catalog: Catalog | None, name: str, rows: Iterable[PauseRow]) -> list[PauseRow]:
    """The pauses that concern a queue: of everything, of it, and of job types that belong to it."""
    every = list(rows)
    types = {row.type for row in every if row.type is not None}
    if catalog is not None:
        own = {job.name for job in catalog.jobs.values() if job.queue == name}
        unknown = types - catalog.jobs.keys()
    else:
        own, unknown = set(), types
    if unknown:
        own |= unknown.intersection(store.limits.types(name))
    return [row for row in every if (row.type in own if row.type is not None else row.queue in (None, name))]


def name_of(row: PauseRow) -> str:
    """What a pause is of, as one names it."""
    return row.queue or (f"job type {row.type}" if row.type else "everything")


def _iso(moment: datetime) -> str:
    return clock.iso(clock.to_ms(moment))


def sentence(row: PauseRow, when: Callable[[datetime], str] = _iso) -> str:
    """A pause in words: "queue email is paused until …: bad deploy (by ada@host)"."""
    what = f"queue {row.queue}" if row.queue else name_of(row)
    text = words(what, when(row.until) if row.until else None, row.reason, row.by)
    return f"{text}; new jobs are refused" if row.blocks_producers else text


def words(what: str, until: str | None, reason: str | None, by: str | None) -> str:
    """That something is paused, until when, why and by whom."""
    text = f"{what} is paused until {until or 'it is resumed'}"
    if reason:
        text += f": {reason}"
    return f"{text} (by {by})" if by else text


def resume_command(row: PauseRow) -> str:
    """What ends a pause."""
    return f"jobctl queue resume {row.queue or (f'--type {row.type}' if row.type else '--all')}"


def target(scope: str) -> str:
    """A scope as the audit log names it."""
    name = type_of(scope)
    return f"type:{name}" if name is not None else "everything" if scope == EVERYTHING else f"queue:{scope}"


def target_of(row: PauseRow) -> str:
    """The same of a row."""
    return f"type:{row.type}" if row.type else f"queue:{row.queue}" if row.queue else "everything"


def _row(scope: str, pause: Pause | None, *, changed: bool = False) -> PauseRow:
    name = type_of(scope)
    return PauseRow(
        queue=None if name is not None or scope == EVERYTHING else scope,
        type=name,
        paused=pause is not None,
        until=clock.to_datetime(pause.until_ms) if pause and pause.until_ms else None,
        reason=(pause.reason or None) if pause else None,
        by=pause.by if pause else None,
        blocks_producers=pause is not None and pause.closed,
        changed=changed,
    )
