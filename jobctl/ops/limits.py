"""Limits: where they stand, changed live by hand, reset."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl import clock, flow
from jobctl.catalog.model import RateLimit
from jobctl.catalog.units import Rate, format_rate
from jobctl.errors import NothingMatched, UsageError
from jobctl.ops.known import catalog_queues, known_queues
from jobctl.store.data.records import LimitKeyRow, LimitRow
from jobctl.store.nouns.audit import me

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Concurrency
    from jobctl.store import Store
    from jobctl.store.data.said import Said
    from jobctl.store.nouns.limits import KeyState, LimitState

RATE, CONCURRENCY = "rate", "concurrency"
ONLY_THERE = "a limit can be set only where the catalog has one of this kind"


def ls(store: Store, catalog: Catalog | None, names: Iterable[str] = ()) -> list[LimitRow]:
    """The limits that are named (a job type, or `queue:NAME`), or all. Raises NothingMatched."""
    own = set() if catalog is None else catalog_queues(catalog)
    having = store.limits.having(known_queues(store, catalog), own)
    rows = [row for queue in having for row in _of_queue(store, catalog, queue)]
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        _named(rows, name)
    return [row for row in rows if row.name in wanted] if wanted else rows


def _named(rows: Sequence[LimitRow], name: str) -> list[LimitRow]:
    """The limits with a name: of a rate, of concurrency, or both. Raises NothingMatched with the nearest name."""
    found = [row for row in rows if row.name == name]
    if found:
        return found
    known = sorted({row.name for row in rows})
    if f"queue:{name}" in known:
        hint = f"did you mean queue:{name}?"
    else:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else "`jobctl limit ls` shows them all"
    raise NothingMatched(f"{name} has no limit in the catalog", hint)


def _of_queue(store: Store, catalog: Catalog | None, queue: str) -> list[LimitRow]:
    own = {} if catalog is None else flow.specs(catalog, queue)
    states = store.limits.rows(queue, own)
    return [_row(state, catalog) for state in states if state.limit in own or _stands(catalog, state)]


def _stands(catalog: Catalog | None, state: LimitState) -> bool:
    """Whether a limit that is not in this process's catalog is one all the same: it may be another catalog's, and jobs
    may wait for one that is no more."""
    if catalog is None or state.waiting or state.until_ms is not None:
        return True
    job_type = _type_of(state.limit)
    return state.queue not in catalog_queues(catalog) if job_type is None else job_type not in catalog.jobs


def change(
    store: Store,
    catalog: Catalog | None,
    name: str,
    *,
    rate: Rate | None,
    concurrency: int | None,
    burst: int | None,
    until_ms: int | None,
) -> LimitRow:
    """Let a limit allow something else, until a moment (Redis's clock) or until reset; its window stays, and so does
    its burst if none is given. Exactly one of `rate` and `concurrency`. Raises NothingMatched or UsageError."""
    kind = CONCURRENCY if rate is None else RATE
    row = next((row for row in _named(ls(store, catalog), name) if row.kind == kind), None)
    if row is None:
        raise NothingMatched(f"{name} has no {kind} limit in the catalog", ONLY_THERE)
    limit = _limit_of(row)
    spec = str(concurrency) if rate is None else _rate_spec(store, catalog, row, rate, burst)
    store.limits.set(row.queue, limit, spec, until_ms or 0, me())
    [changed] = [new for new in _of_queue(store, catalog, row.queue) if _limit_of(new) == limit]
    end = f" until {changed.set_until.isoformat()}" if changed.set_until else ""
    store.audit.add("limit set", f"limit:{name}", 1, f"{allows(changed)}{end}")
    return changed


def _rate_spec(store: Store, catalog: Catalog | None, row: LimitRow, rate: Rate, burst: int | None) -> str:
    """The spec of a rate that is set by hand: the usual burst is the catalog's, not that of what was set before."""
    own = {} if catalog is None else flow.specs(catalog, row.queue)
    [state] = [state for state in store.limits.rows(row.queue, own) if state.limit == _limit_of(row)]
    known = state.catalog_spec or state.spec
    usual = flow.rate_of(known) if known else RateLimit(rate.count, rate.per_ms)
    if usual.window != "smooth" and burst is not None:
        raise UsageError(f"--burst has no effect: the window of {row.name} is {usual.window}")
    burst = usual.burst if burst is None else burst
    return flow.spec(replace(usual, count=rate.count, per_ms=rate.per_ms, burst=burst))


def reset(store: Store, catalog: Catalog | None, name: str, key: str | None = None) -> tuple[list[LimitRow], bool]:
    """Forget what was set by hand, and what is used (of one key only, if it is given).

    Returns the limits as they are then, and whether there was anything to forget. Raises NothingMatched.
    """
    found = _named(ls(store, catalog), name)
    short = None if key is None else flow.short(key)
    done = [store.limits.reset(row.queue, _limit_of(row), short) for row in found]
    if any(done):
        store.audit.add("limit reset", f"limit:{name}", sum(done), f"key {short}" if short is not None else "")
    return ls(store, catalog, [name]), any(done)


def allows(row: LimitRow) -> str:
    """What a limit allows, in words: `100/m, burst 10`, `5 at once`."""
    if row.kind == CONCURRENCY:
        return "-" if row.concurrency is None else f"{row.concurrency} at once"
    if row.rate is None:
        return "-"
    if row.window != "smooth":
        return f"{row.rate}, {row.window}"
    return row.rate if row.burst == 1 else f"{row.rate}, burst {row.burst}"


def name_of(queue: str, limit: str) -> str:
    """How a person names a limit: by its job type, or `queue:NAME`."""
    return _type_of(limit) or f"queue:{queue}"


def kind_of(limit: str) -> str:
    """rate or concurrency."""
    return CONCURRENCY if limit[0] in "cC" else RATE


def _type_of(limit: str) -> str | None:
    return limit[2:] or None


def _limit_of(row: LimitRow) -> str:
    letter = row.kind[0]
    return letter.upper() if row.type is None else f"{letter}:{row.type}"


def spelled(limit: str, spec: str | None) -> str | None:
    """A spec as the catalog spells it: `100/m`, `5`."""
    if not spec:
        return None
    if kind_of(limit) == CONCURRENCY:
        return spec
    rate = flow.rate_of(spec)
    return format_rate(rate.count, rate.per_ms)


def sayings(said: Said) -> str:
    """What a catalog says of the limits of a job type, in words: `rate 1/h for each "{{ x }}" and concurrency 5`."""
    words = []
    for limit, (spec, key) in said.limits.items():
        whose = f"queue {said.queue} " if _type_of(limit) is None else ""
        each = f' for each "{key}"' if key else ""
        words.append(f"{whose}{kind_of(limit)} {spelled(limit, spec)}{each}")
    return " and ".join(words) or "no limit"


def _row(state: LimitState, catalog: Catalog | None) -> LimitRow:
    limit, by_rate = state.limit, kind_of(state.limit) == RATE
    text = spelled(limit, state.spec)
    rate = flow.rate_of(state.spec) if by_rate and state.spec else None
    own = _own(catalog, state)
    keyed = own is not None and own.key is not None
    return LimitRow(
        name=name_of(state.queue, limit),
        queue=state.queue,
        type=_type_of(limit),
        kind=kind_of(limit),
        rate=text if by_rate else None,
        burst=rate.burst if rate else None,
        window=rate.window if rate else None,
        concurrency=int(text) if text and not by_rate else None,
        key=own.key if own else None,
        used=None if keyed else state.used,
        waiting=state.waiting,
        next_at=clock.to_datetime(state.next_ms) if state.next_ms and not keyed else None,
        keys=state.keys,
        worst=tuple(map(_key_row, state.worst)),
        catalog=spelled(limit, state.catalog_spec),
        set_by=state.by,
        set_until=clock.to_datetime(state.until_ms) if state.until_ms else None,
    )


def _key_row(state: KeyState) -> LimitKeyRow:
    next_at = clock.to_datetime(state.next_ms) if state.next_ms else None
    return LimitKeyRow(key=state.key, waiting=state.waiting, used=state.used, next_at=next_at)


def _own(catalog: Catalog | None, state: LimitState) -> RateLimit | Concurrency | None:
    """What this process's catalog says of a limit."""
    if catalog is None:
        return None
    job_type = _type_of(state.limit)
    place = catalog.queue(state.queue) if job_type is None else catalog.jobs.get(job_type)
    if place is None:
        return None
    return place.rate_limit if kind_of(state.limit) == RATE else place.concurrency
