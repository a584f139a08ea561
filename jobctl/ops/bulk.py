"""What every bulk change has in common: which queues, a plan, batches with a running result, one audit entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobctl.errors import NothingMatched, RedisUnavailable, UsageError
from jobctl.ops import filters
from jobctl.ops.filters import Filter
from jobctl.store.data.records import BulkResult

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

BATCH = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command works on: queues, what must hold, and the words that said so (for the audit log).

    `whole` says that nothing but queues was selected by.
    """

    queues: tuple[str, ...]
    filter: Filter
    words: str
    whole: bool = False


@dataclass(slots=True)
class Tally:
    """A result that grows. `matched` was planned; what is neither changed nor failed at the end was gone: skipped."""

    matched: int
    changed: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        return self.matched - self.changed - self.failed

    def so_far(self) -> BulkResult:
        return BulkResult(self.matched, self.changed, 0, self.failed)

    def final(self) -> BulkResult:
        return BulkResult(self.matched, self.changed, max(0, self.left), self.failed)


def known_queues(store: Store, catalog: Catalog | None) -> list[str]:
    """The queues of the catalog and those that Redis knows, sorted."""
    return sorted(catalog_queues(catalog).union(store.queues.names()))


def catalog_queues(catalog: Catalog | None) -> set[str]:
    """The queues that a catalog names."""
    return set() if catalog is None else {*catalog.queues, *(job.queue for job in catalog.jobs.values())}


def read_filter(terms: Iterable[str], groups: Iterable[str] = ()) -> Filter:
    """The filter that arguments and `--group` make; an argument without `:`, `=` or `~` is an id.

    Raises UsageError.
    """
    spelled = [term if any(sign in term for sign in ":=~") else f"id:{term}" for term in terms]
    found = filters.parse([*spelled, *(f"group:{group}" for group in groups)])
    if found.state:
        raise UsageError("state: says nothing here: all that is looked at is in one state")
    return found


def scope(store: Store, catalog: Catalog | None, wanted: Filter, words: Iterable[str]) -> Scope:
    """The scope of a filter: the known queues that it names, or all. Raises NothingMatched for an unknown queue."""
    known = known_queues(store, catalog)
    only = replace(Filter(), queue=wanted.queue)
    queues = [name for name in known if only.matches({"queue": name})]
    if wanted.queue and not queues:
        raise NothingMatched(f"no queue {', '.join(wanted.queue)}", near(wanted.queue[0], known))
    return Scope(tuple(queues), wanted, " ".join(words), replace(wanted, queue=()).is_empty)


def near(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known queue."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "`jobctl queue ls` shows them all"


def audited(
    store: Store, action: str, target: str, tally: Tally, batches: Callable[[Tally], Iterator[None]]
) -> Iterator[BulkResult]:
    """Run the batches of a change; yields the result so far after each, and the final one last.

    However it ends (Ctrl-C, Redis gone), what was changed until then is in the audit log, if Redis can be reached.
    """
    try:
        for _ in batches(tally):
            yield tally.so_far()
        yield tally.final()
    finally:
        if tally.changed:
            with suppress(RedisUnavailable):
                store.audit.add(action, target, tally.changed, f"{tally.matched} matched, {tally.failed} failed")
