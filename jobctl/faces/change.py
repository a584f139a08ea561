"""Changes from a face: the plan, what has to be agreed to, and the doing, all by the rules of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError, NothingMatched
from jobctl.ops import pauses
from jobctl.ops.bulk import letters, selection, verbs
from jobctl.ops.bulk.consent import Change, Question, change_of, question
from jobctl.ops.bulk.plan import Planned, plan
from jobctl.ops.bulk.run import Run

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.ops.bulk.verb import Tried, Verb
    from jobctl.settings import Settings
    from jobctl.store import Store

PATIENCE_S = 5.0
"""How long running jobs that are cancelled are waited for."""
VERBS: Mapping[str, Callable[[], Verb]] = {
    "retry": verbs.retry,
    "cancel": lambda: verbs.cancel(timeout_s=PATIENCE_S),
    "promote": verbs.promote,
    "retry dead": letters.retry,
    "discard": letters.discard,
}
"""What faces do with jobs; the last two are for dead letters, and go by their groups."""
TOLD = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that is planned. `question` is None if nobody has to agree to it."""

    verb: Verb
    planned: Planned
    change: Change
    question: Question | None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a change, in lines; `failed` if something of it did not happen."""

    lines: tuple[str, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Who changes what. `require_writable` raises Refused for what a profile does not allow; its argument completes
    "you cannot …"."""

    store: Store
    catalog: Catalog | None
    settings: Settings
    require_writable: Callable[[str], None]

    def propose(self, name: str, words: Sequence[str], *, queue: str | None = None) -> Proposal:
        """The change of the jobs that ids or a filter select; `queue` is the only one to look in. Raises JobctlError:
        what the command line refuses is refused here."""
        verb = VERBS[name]()
        self.require_writable(f"{verb.does} {verb.noun}s")
        chosen = selection.choose(self.store, self.catalog, words, queue=queue, states=verb.states)
        planned = plan(self.store, chosen, by_index=verb.by_index is not None)
        if planned.matched == 0:
            raise next(iter(planned.errors), NothingMatched(verb.none or f"no {verb.noun} matched", verb.nothing))
        change = change_of(verb, planned)
        return Proposal(verb, planned, change, question(change, self.settings))

    def carry_out(self, proposal: Proposal) -> Done:
        """Do what was proposed, and agreed to. Raises RedisUnavailable."""
        running = Run(self.store, proposal.verb, proposal.planned)
        tried: dict[object, Tried] = {}
        for some in running.batches():
            tried |= {one.ref: one for one in some[: TOLD - len(tried)]}
        tried |= {one.ref: one for one in running.after()[:TOLD]}
        tally, planned = running.tally, proposal.planned
        errors: list[JobctlError] = [*planned.errors, *tally.errors]
        if planned.selection.by_name and len(tried) == planned.matched:
            errors = [*planned.errors, *(one.error for one in tried.values() if one.error)]
            lines = [one.text for one in tried.values() if not one.error]
        else:
            lines = [proposal.verb.sentence(tally.result)]
        return Done((*lines, *map(str, errors)), failed=bool(errors))

    def pause(self, queue: str, reason: str = "") -> str:
        """Pause a queue until it is resumed; what was done, in words. Raises JobctlError."""
        self.require_writable("pause queues")
        targets = pauses.scopes(self.store, self.catalog, [queue], [], everything=False)
        pauses.pause(self.store, targets, None, reason)
        return f"paused {queue} until it is resumed; running jobs go on"

    def resume(self, queue: str) -> str:
        """End the pause of a queue. Raises JobctlError."""
        self.require_writable("resume queues")
        targets = pauses.scopes(self.store, self.catalog, [queue], [], everything=False)
        [row] = pauses.resume(self.store, targets)
        return f"resumed {queue}" if row.changed else f"{queue} was not paused"
