"""`jobctl queue empty`: jobs of a queue that do not run, all or those that match a filter, go to the trash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from jobctl.errors import NothingMatched, UsageError
from jobctl.ops.bulk import plan as planning
from jobctl.ops.bulk import selection
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.run import BATCH
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.bulk.verb import Tally, Tried, Verb
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.lex import is_id
from jobctl.ops.known import known_queues, no_queue
from jobctl.store.data.plans import PlanRow
from jobctl.store.data.states import BY_NAME, allowing

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.found import Found


def empty(name: str) -> Verb:
    """The verb, for one queue."""

    def by_index(store: Store, _planned: Planned, tally: Tally) -> Iterator[list[Tried]]:
        while tally.left > 0:
            moved, left = store.queues.empty(name, limit=min(BATCH, tally.left))
            tally.changed += moved
            yield []
            if left == 0:
                return

    return Verb(
        name="queue empty",
        does="move",
        done="moved",
        outcome="is in the trash",
        tail=f" of queue {name} to the trash",
        states=allowing("empty"),
        judge=_may,
        change=lambda store, queue, jobs: store.queues.trash(queue, [job.id for job in jobs]),
        by_index=by_index,
        none=f"queue {name} has no jobs that can be moved to the trash",
        nothing="running and dead jobs stay where they are",
        options={"name": name},
        undo=True,
        hint=f"`jobctl dead restore queue:{name}` brings them back within 7 days",
    )


def _may(job: Found) -> Tried | None:
    state = BY_NAME[job.state]
    if "empty" in state.allows:
        return None
    said = f"job {job.id} {state.does}, and stays where it is"
    return Tried(job.ref, said, error=NothingMatched(said))


def choose(store: Store, catalog: Catalog | None, name: str, terms: Sequence[str]) -> Selection:
    """The jobs of a queue that a filter leaves. Raises UsageError, or NothingMatched for an unknown queue."""
    known = known_queues(store, catalog)
    if name not in known:
        raise no_queue(name, known)
    if not terms:
        return Selection((name,), Filter(), f"queue:{name}", states=allowing("empty"))
    if ids := [term for term in terms if is_id(term)]:
        raise UsageError(f"{ids[0][:100]!r} is not a filter", f"for one job write id:{ids[0][:100]}")
    return selection.choose(store, catalog, terms, queue=name, states=allowing("empty"))


def plan(store: Store, chosen: Selection, *, freeze: Callable[[Found], None] | None = None) -> Planned:
    """How many jobs of each state would go; `freeze` is given each job as it is now."""
    if freeze is not None or not chosen.filter.is_empty:
        return planning.plan(store, chosen, freeze=freeze)
    (name,) = chosen.queues
    counts = store.queues.emptiable(name)
    rows = [
        PlanRow(queue=name, state=state, type=None, group=None, error=None, count=count)
        for state, count in counts.items()
        if count
    ]
    return Planned(chosen, tuple(rows), whole=True)
