"""Carries operations on, in a thread of each supervisor and scheduler: whoever has the turn makes the next step.

Where an operation stands is in Redis alone, and a step moves it in the script that changes the jobs. So a carrier can
be killed at any moment: another one takes the turn when the lease is over, and goes on with the next job.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import RedisUnavailable
from jobctl.ops.bulk import letters
from jobctl.ops.bulk.fared import outcome
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.engine.liveness.known import Known
    from jobctl.store import Store
    from jobctl.store.nouns.carried import Chunk, Turn

log = logging.getLogger(__name__)

PAUSE_S = 0.2
"""Between two rounds: a rate is kept in portions of so long."""
ROUND_S = 0.5
"""How long one operation is carried on before the next one's turn."""
LOOK_S = 0.5
"""How often to see how released jobs have fared."""
AWAY_S = 1.0


class Carrier:
    """One carrier. `known` says which job types this process has in its catalog; `name` is the process's."""

    def __init__(self, open_store: Callable[[], Store], known: Callable[[], Known], name: str) -> None:
        self._open = open_store
        self._known = known
        self._name = name
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)
        self._cursors: dict[str, int] = {}
        self._looked_at: dict[str, float] = {}
        self._verb = letters.retry()

    def wake(self) -> None:
        """There are operations to be carried on."""
        self._woken.set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._ending.set()
        self._woken.set()
        self._thread.join(ROUND_S * 2)

    def _run(self) -> None:
        store: Store | None = None
        away = False
        while True:
            self._woken.wait()
            if self._ending.is_set():
                return
            try:
                store = store or self._open()
                names = store.carried.names()
                if not names:
                    self._woken.clear()  # the next beat tells of a new one
                for name in names:
                    self._carry(store, name)
                away = False
            except RedisUnavailable as error:
                if not away:
                    log.warning("operations are not carried on: %s", sanitize(error.message))
                away = True
            except Exception:
                log.exception("cannot carry operations on; going on trying")
                away = True
            self._ending.wait(AWAY_S if away else PAUSE_S)

    def _carry(self, store: Store, name: str) -> None:
        until = clock.monotonic() + ROUND_S
        while clock.monotonic() < until and not self._ending.is_set():
            if not self._knows(store.carried.next_chunk(name)):
                return
            turn = store.carried.turn(name, self._name)
            if turn.state in ("taken", "gone"):
                return
            self._look(store, name)
            if turn.state == "ended":
                self._tell_end(store, name, turn.now)
            if turn.state != "running" or turn.may == 0 or not self._step(store, name, turn):
                return

    def _knows(self, chunk: Chunk | None) -> bool:
        return chunk is None or chunk.type == "?" or self._known().has(chunk.type)

    def _step(self, store: Store, name: str, turn: Turn) -> bool:
        """Release the next jobs; False if it could not be done."""
        number, _, place = turn.at.partition(" ")
        chunk = store.carried.chunk(name, int(number))
        if chunk is None:
            store.carried.order(name, "abort", "its list of jobs is lost")
            log.error("operation %s is aborted: its list of jobs is lost", name)
            return False
        if not self._knows(chunk):
            return False
        rows = self._rows(store, chunk, chunk.ids[int(place) : int(place) + turn.may])
        return store.carried.step(name, self._name, turn, chunk, rows) >= 0

    def _rows(self, store: Store, chunk: Chunk, members: Sequence[str]) -> list[tuple[str, str, str]]:
        """What the script is told of jobs; nothing of those that are not to be changed."""
        found = {job.id: job for job in store.jobs.locate(chunk.queue, members)}
        rows = []
        for job_id in members:
            job = found.get(job_id)
            said = None if job is None else self._verb.judge(job)
            if job is not None and said is None:
                rows.append((job_id, job.record.group or "", str(job.record.count)))
            else:
                rows.append(("", "", "f" if said is not None and said.failed else "0"))
        return rows

    def _look(self, store: Store, name: str) -> None:
        """See how some of the released jobs have fared."""
        now = clock.monotonic()
        if now - self._looked_at.get(name, 0.0) < LOOK_S:
            return
        self._looked_at[name] = now
        self._cursors[name], out = store.carried.open(name, self._cursors.get(name, 0))
        by_queue: dict[str, dict[str, int]] = {}
        for queue, job_id, before in out:
            by_queue.setdefault(queue, {})[job_id] = before
        outcomes = []
        for queue, members in by_queue.items():
            found = {job.id: job for job in store.jobs.locate(queue, list(members))}
            for job_id, before in members.items():
                if (said := outcome(found.get(job_id), before)) is not None:
                    outcomes.append((queue, job_id, said))
        if outcomes and store.carried.fared(name, outcomes):
            self._tell_end(store, name, "stopped")

    def _tell_end(self, store: Store, name: str, state: str) -> None:
        row = store.operations.find(name)
        if row is None:
            return
        log.info("operation %s (%s) is %s: %d of %d changed", name, row.action, state, row.changed, row.matched)
        store.audit.add(
            row.action,
            row.target,
            row.changed,
            row.why or row.detail,
            matched=row.matched,
            failed=row.failed,
            outcome=state,
            operation=name,
            who=row.who,
        )
