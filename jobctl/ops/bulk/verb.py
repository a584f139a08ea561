"""What a verb is: how it judges a job, and how it changes a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobctl.errors import JobctlError, NothingMatched, Refused
from jobctl.ops.bulk.plan import Planned
from jobctl.store.data.found import Found
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import BulkResult

if TYPE_CHECKING:
    from jobctl.store import Store

SHOWN_ERRORS = 20
"""How many failures are reported of a change of many jobs."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one job. `error` says why it was not changed; without one, `changed` tells "done" from
    "was so already". `text` is the sentence for a person."""

    ref: JobRef
    text: str
    changed: bool = False
    error: JobctlError | None = None

    @property
    def id(self) -> str:
        return self.ref.id

    @property
    def failed(self) -> bool:
        """Whether something went wrong, as opposed to: it was so already, or its state does not allow it."""
        return self.error is not None and not isinstance(self.error, Refused | NothingMatched)


def moved(job: Found) -> Tried:
    """A job that was changed by someone else between the look and the step."""
    said = f"job {job.id} is no longer {job.state}"
    return Tried(job.ref, said, error=NothingMatched(said, f"jobctl job show {job.id}"))


def any_job(_job: Found) -> Tried | None:
    """For verbs that change jobs in every state."""
    return None


@dataclass(slots=True)
class Tally:
    """A result that grows. `matched` was planned; what is neither changed nor failed at the end was skipped: it had
    moved on, or was so already."""

    matched: int
    changed: int = 0
    failed: int = 0
    errors: list[JobctlError] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.matched - self.changed - self.failed

    @property
    def result(self) -> BulkResult:
        return BulkResult(self.matched, self.changed, max(0, self.left), self.failed)

    def count(self, tried: Sequence[Tried]) -> None:
        """Add what became of some jobs."""
        self.changed += sum(one.changed for one in tried)
        failures = [one.error for one in tried if one.failed and one.error]
        self.failed += len(failures)
        self.errors += failures[: SHOWN_ERRORS - len(self.errors)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A change of jobs. In words: `does` 3 `noun`s ("retry 3 dead letters"), `done` 3 `noun`s, job ID `outcome`.

    `name` is the audit log's, `detail` what is added there. A filter chooses jobs in `states`. `judge` says at once
    what becomes of a job, or None if it is to be changed; `change` changes jobs of one queue and says for each whether
    it did, `undone` what is told of one that it did not; `needed` is the error if none was changed. `after` has the
    last word on jobs that were counted as changed, once all batches are done: one that was asked to stop may continue.
    `by_index` changes dead letters by their groups, or a queue as a whole, in batches without reading the jobs.
    `options` make the verb again, with its name: see registry.again.
    `undo`: `op undo` takes it back.
    `none` says that none matched (without it, "no `noun` matched"), `nothing` is the hint then; `hint` is what may be
    done afterwards.
    """

    name: str
    does: str
    done: str
    outcome: str
    states: tuple[str, ...]
    judge: Callable[[Found], Tried | None]
    change: Callable[[Store, str, list[Found]], Sequence[bool]]
    undone: Callable[[Found], Tried] = moved
    after: Callable[[Store], list[Tried]] | None = None
    by_index: Callable[[Store, Planned, Tally], Iterator[list[Tried]]] | None = None
    operates: bool = True
    """Whether it is written down as an operation. A migration is none: its namespace has no room for one yet."""
    noun: str = "job"
    none: str = ""
    nothing: str = ""
    hint: str = ""
    detail: str = ""
    needed: str = ""
    tail: str = ""
    undo: bool = False
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def nouns(self, count: int) -> str:
        """`3 dead letters`."""
        return f"{count:,} {self.noun}{'' if count == 1 else 's'}{self.tail}"

    def sentence(self, result: BulkResult) -> str:
        """What was done, in words."""
        text = f"{self.done} {self.nouns(result.changed)}"
        if result.skipped:
            text += f"; skipped {result.skipped:,} that had changed meanwhile"
        if result.failed:
            text += f"; {result.failed:,} could not be changed"
        return text + (f"; {self.hint}" if self.hint and result.changed else "")
