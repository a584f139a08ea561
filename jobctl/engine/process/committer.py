"""Group commit: while one round trip to Redis is under way, the attempts that end meanwhile gather for the next."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from jobctl import clock
from jobctl.catalog.model import Catalog
from jobctl.engine.attempt.outcome import Alias, Item, Lines, Outcome, Reach
from jobctl.engine.process.spool import Spool
from jobctl.errors import RedisFull, RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.logs import Batch
from jobctl.store.nouns.progress import Reached
from jobctl.store.nouns.settle import Begun, Ended
from jobctl.store.wire import steps

MAX_GROUP = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
GATHER_S = 0.002
"""How long outcomes gather while several come at once. Waking the committer for each would make all job threads wait
for the interpreter more often than for Redis."""

_log = logging.getLogger("jobctl.worker")


class Committer(threading.Thread):
    """Writes outcomes to Redis, and keeps on trying while Redis is away: nothing that ended is ever dropped."""

    def __init__(self, store: Store, catalog: Catalog, written: Callable[[Iterable[str]], None]) -> None:
        super().__init__(name="committer", daemon=True)
        self._store = store
        self._catalog = catalog
        self._written = written
        self._inbox: SimpleQueue[Outcome | Alias | Spool | list[Outcome] | None] = SimpleQueue()
        self._spool = Spool()
        self._giving_up = threading.Event()
        self.failing_since: float | None = None
        """Since when nothing could be written (monotonic clock); None while Redis answers."""
        self._complete = False

    def submit(self, item: Item) -> None:
        if isinstance(item, Outcome | Alias):
            self._inbox.put(item)
        elif self._spool.add(item):
            self._inbox.put(self._spool)  # there is something in it again

    def submit_all(self, outcomes: list[Outcome]) -> None:
        """As `submit`, for several attempts that ended at once."""
        self._inbox.put(outcomes)

    def finish(self, timeout_s: float) -> bool:
        """Write what is left and end; False if Redis did not answer in time (its jobs are then recovered later)."""
        self._inbox.put(None)
        self.join(timeout_s)
        complete = self._complete
        self._giving_up.set()
        return complete

    def run(self) -> None:
        ending = False
        while not ending:
            group, ending = self._gather()
            self._write(group, self._spool.begun(), *self._said())
            if len(group) > 1 and not ending:
                self._giving_up.wait(GATHER_S)
        self._complete = True

    def _gather(self) -> tuple[list[Outcome | Alias], bool]:
        """Everything that waits; waits for something, which may be that there are lines to write."""
        group: list[Outcome | Alias] = []
        item = self._inbox.get()
        try:
            while item is not None:
                if isinstance(item, list):
                    group += item
                elif not isinstance(item, Spool):
                    group.append(item)
                if len(group) >= MAX_GROUP:
                    return group, False
                item = self._inbox.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _said(self) -> tuple[list[Lines], list[Reach]]:
        """What attempts said before the ends that were gathered, and perhaps a little after."""
        lines, reached, lost = self._spool.take()
        if lost:
            _log.warning("dropped %d log lines: Redis was unreachable for too long", lost)
        return lines, reached

    def _write(
        self, group: list[Outcome | Alias], begun: list[Begun], lines: list[Lines], reached: list[Reach]
    ) -> None:
        pause, failed = FIRST_PAUSE_S, False
        aliases = [item for item in group if isinstance(item, Alias)]
        while True:
            try:
                self._send_said(begun, lines, reached, aliases, repeated=failed)
                self._send(group, repeated=failed)
                break
            except RedisUnavailable as error:
                if not failed:
                    _log.warning("cannot write %d outcomes, will keep trying: %s", len(group), error)
                failed = True
                self.failing_since = self.failing_since or clock.monotonic()
            if self._giving_up.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_S)
        self.failing_since = None
        if failed:
            _log.info("Redis answers again; %d outcomes written", len(group))
        self._written([item.ended.token for item in group if isinstance(item, Outcome)])

    def _send(self, group: list[Outcome | Alias], *, repeated: bool) -> None:
        by_kind: dict[tuple[str, str], list[Ended]] = {}
        for item in group:
            if isinstance(item, Outcome):
                by_kind.setdefault((item.kind, item.queue), []).append(item.ended)
        endings = [
            self._store.settle.end(kind, queue, ended, self._catalog.queue(queue).keep)
            for (kind, queue), ended in by_kind.items()
        ]
        for late in self._store.settle.write(endings):
            # A repeated write finds its own first one done when only the reply was lost: nothing to say then.
            for job_id, _ in late if not repeated else ():
                _log.warning("job %s: this attempt is no longer the current one; its result is ignored", job_id)

    def _send_said(
        self,
        begun: list[Begun],
        lines: list[Lines],
        reached: list[Reach],
        aliases: list[Alias],
        *,
        repeated: bool,
    ) -> None:
        """Log lines, starts, progress and aliases, before the outcomes, which end what they belong to. Without memory
        they are left out: jobs must end anyway."""
        batches: dict[str, list[Batch]] = {}
        for some in lines:
            batches.setdefault(some.queue, []).append(some.batch)
        latest: dict[str, list[Reached]] = {}
        for reach in reached:
            latest.setdefault(reach.queue, []).append(reach.reached)
        logs = [
            self._store.logs.rows(queue, all_of_it, self._keep_ms(queue), repeated=repeated)
            for queue, all_of_it in batches.items()
        ]
        progress = [self._store.progress.rows(queue, told) for queue, told in latest.items()]
        known: dict[str, list[Alias]] = {}
        for alias in aliases:
            known.setdefault(alias.queue, []).append(alias)
        named = [
            self._store.jobs.alias(queue, [(one.job.id, one.message_id) for one in some])
            for queue, some in known.items()
        ]
        indexed = [self._store.indexes.rows(queue, [one.job for one in some]) for queue, some in known.items()]
        try:
            replies = steps.run(self._store, [*logs, *progress, *named, *indexed, *self._store.settle.begun(begun)])
        except RedisFull:
            for queue, foreign in known.items():
                self._store.indexes.lose(queue, {one.job.type for one in foreign})
            _log.warning("dropped log lines of %d jobs: Redis is out of memory", sum(len(work.rows) for work in logs))
            return
        for late in {row[0] for work, said in zip(logs, replies, strict=False) for row in steps.named(work, said)}:
            _log.warning("job %s: dropped log lines of an attempt that is no longer the current one", late)

    def _keep_ms(self, queue: str) -> int:
        return self._catalog.queue(queue).keep.completed_ms
