"""Carries a plan out: bounded batches, a result that grows, one operation and one audit entry however it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import RedisUnavailable
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.verb import Tally, Tried, Verb
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.audit import MAX_JOBS

if TYPE_CHECKING:
    from jobctl.store import Store

BATCH = 500
MAX_WORDS = 1_000
"""Characters of what was typed that the audit log keeps."""
NOTE_S = 1.0
"""How often it is noted how far a change has come."""


class Run:
    """A change under way. `batches`, and then `after`, give what became of the jobs, where these were read.

    `operation` is its id once it has begun, "" of a verb that is none.
    """

    def __init__(self, store: Store, verb: Verb, planned: Planned) -> None:
        self.tally = Tally(planned.matched)
        self.operation = ""
        self._noted_at = clock.monotonic()
        self._ended = False
        self._changed: list[JobRef] = []
        self._store = self._within = store
        self._verb = verb
        self._planned = planned

    def batches(self) -> Iterator[list[Tried]]:
        """Change the jobs, a batch a step. Safe to run twice, and by two people at once: each job is looked at again.

        However it ends (Ctrl-C, Redis gone), what was changed until then is in the operation and in the audit log, if
        Redis can be reached.
        """
        planned, verb = self._planned, self._verb
        if verb.operates:
            operations = self._store.operations
            self.operation = operations.begin(
                operations.intent(verb.name, self._words, verb.detail, planned.matched, planned.parts, planned.samples)
            )
            self._within = self._store.within(self.operation, planned.made_ms)
        try:
            for tried in self._batches():
                self._note_progress()
                yield tried
            self._ended = True
        finally:
            with suppress(RedisUnavailable):
                self._note_end()

    @property
    def _words(self) -> str:
        return self._planned.selection.words[:MAX_WORDS]

    def _note_progress(self) -> None:
        now = clock.monotonic()
        if self.operation and now - self._noted_at >= NOTE_S:
            self._noted_at = now
            self._store.operations.note(self.operation, changed=self.tally.changed, failed=self.tally.failed)

    def _note_end(self) -> None:
        tally, state = self.tally, self._outcome
        self._note_operation()
        if tally.changed:
            self._store.audit.add(
                self._verb.name,
                self._words,
                tally.changed,
                self._verb.detail,
                matched=tally.matched,
                failed=tally.failed,
                outcome=state,
                jobs=self._changed,
                operation=self.operation,
            )

    def _note_operation(self) -> None:
        """Tell how the operation stands at its end."""
        if not self.operation:
            return
        tally, state = self.tally, self._outcome
        self._store.operations.end(
            self.operation,
            state,
            changed=tally.changed,
            failed=tally.failed,
            skipped=0 if state == "stopped" else tally.result.skipped,
            why="interrupted" if state == "stopped" else "",
        )

    @property
    def _outcome(self) -> str:
        tally = self.tally
        return "stopped" if tally.left > 0 and not self._ended else "partly" if tally.failed else "done"

    def _batches(self) -> Iterator[list[Tried]]:
        if self._planned.ids is None:
            assert self._verb.by_index is not None
            yield from self._verb.by_index(self._within, self._planned, self.tally)
            return
        for queue, ids in self._planned.ids.items():
            for start in range(0, len(ids), BATCH):
                tried = try_batch(self._within, self._verb, queue, ids[start : start + BATCH])
                self.tally.count(tried)
                self._changed += [one.ref for one in tried if one.changed][: MAX_JOBS + 1 - len(self._changed)]
                yield tried

    def after(self) -> list[Tried]:
        """The last word on jobs that were counted as changed. Call it when all batches are done."""
        if self._verb.after is None:
            return []
        tried = self._verb.after(self._store)
        self.tally.changed -= len(tried)
        self.tally.count(tried)
        if tried:
            self._note_operation()
        return tried


def try_batch(store: Store, verb: Verb, queue: str, ids: Sequence[str]) -> list[Tried]:
    """Look at jobs of one queue, change those that may be, and say what became of each."""
    found = store.jobs.locate(queue, ids)
    verdicts = {job.id: verb.judge(job) for job in found}
    todo = [job for job in found if verdicts[job.id] is None]
    for job, done in zip(todo, verb.change(store, queue, todo) if todo else (), strict=True):
        verdicts[job.id] = Tried(job.ref, f"job {job.id} {verb.outcome}", changed=True) if done else verb.undone(job)
    return [verdict for job_id in ids if (verdict := verdicts.get(job_id)) is not None]
