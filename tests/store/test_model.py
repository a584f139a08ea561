"""The store against a model of it: whatever is done in whatever order, a job is where the model says it is.

Redis's clock is real, so due times lie far in the past or far in the future. A lost reply is a call made again with
the same arguments; a late one carries the token of an attempt that is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.pauses import Pause
from jobctl.store.nouns.schedules import Tick
from jobctl.store.nouns.settle import Reserved
from tests.store.invariants import check
from tests.store.moves import QUEUE, Moves
from tests.store.world import TURNS, Known, World

LIVE = ("waiting", "delayed", "retrying", "running")
PAST_MS = 3_600_000
FUTURE_MS = 3_600_000
WORKERS = ("w1", "w2", "w3")
IDS = st.sampled_from([f"j{i}" for i in range(8)])
SOME = st.lists(IDS, min_size=1, max_size=4, unique=True)
PRIORITIES = st.sampled_from([-10, 0, 0, 0, 5])


class StoreMachine(RuleBasedStateMachine):
    """One queue, three workers, and people who cancel, retry, discard, restore and empty."""

    store: ClassVar[Store]
    attempts: Bundle[Reserved] = Bundle("attempts")

    @initialize()
    def begin(self) -> None:
        self.store.client.flushdb()
        self.moves = Moves(self.store)
        self.world = World()
        self.paused = False

    # Enqueueing

    @rule(ids=st.lists(IDS, min_size=1, max_size=4), priority=PRIORITIES, due=st.sampled_from(["", "past", "future"]))
    def enqueue(self, ids: list[str], priority: int, due: str) -> None:
        times = {"": None, "past": self._now() - PAST_MS, "future": self._now() + FUTURE_MS}
        expected = []
        for job_id in ids:
            new = job_id not in self.world.jobs and job_id not in self.world.forgotten
            expected.append(new)
            if new:
                job = self.world.jobs[job_id] = Known(priority)
                if due:
                    job.state, job.due = "delayed", due
                else:
                    self.world.wait(job_id)
        index = (("act|n", "7"),)
        assert self.moves.enqueue(*ids, priority=priority, at_ms=times[due], index=index) == expected
        assert not any(self.moves.enqueue(*ids, priority=priority, at_ms=times[due])), "a repeat is recognised"

    @rule(job_id=IDS, tick=st.integers(1, 6))
    def tick(self, job_id: str, tick: int) -> None:
        last = self.store.schedules.cursors(["s"])["s"].last_ms or 0
        job = NewJob(id=job_id, type="act", queue=QUEUE, payload={})
        said = self.store.schedules.tick(Tick("s", tick, tick + 1, job, how="caught_up")).outcome
        assert said == ("used" if tick > last else "taken")
        if tick > last and job_id not in self.world.jobs and job_id not in self.world.forgotten:
            self.world.jobs[job_id] = Known(0)
            self.world.wait(job_id)

    # Attempts

    @rule(target=attempts, worker=st.sampled_from(WORKERS), want=st.integers(1, 5))
    def fetch(self, worker: str, want: int) -> Any:
        if not self.paused:
            self._promote_due()
        expected = [] if self.paused else list(self._next(want))
        jobs = self.moves.fetch(want, worker=worker)
        assert [job.id for job in jobs] == expected
        for got in jobs:
            known = self.world.jobs[got.id]
            assert got.crashes == known.crashes
            known.token = got.token
        return multiple(*jobs)

    @rule(job=attempts, repeat=st.booleans(), keep=st.sampled_from([(86_400_000, 100), (-1, 100), (86_400_000, 0)]))
    def complete(self, job: Reserved, repeat: bool, keep: tuple[int, int]) -> None:
        current = self._is_current(job)
        assert (self.moves.complete(job, keep_ms=keep[0], keep_count=keep[1]) == []) is current
        if current:
            self.world.jobs[job.id].state = "completed"
            self._settled(job)
            self._trim(*keep)
        if repeat:
            assert self.moves.complete(job) == [0]

    @rule(job=attempts, due=st.sampled_from(["past", "future"]), repeat=st.booleans())
    def retry(self, job: Reserved, due: str, repeat: bool) -> None:
        delay = FUTURE_MS if due == "future" else -PAST_MS
        current = self._is_current(job)
        assert (self.moves.retry(job, delay_ms=delay) == []) is current
        if current:
            known = self.world.jobs[job.id]
            known.state, known.due = ("cancelled", "") if known.cancelling else ("retrying", due)
            self._settled(job, keep_crashes=True)
        if repeat:
            assert self.moves.retry(job, delay_ms=delay) == [0]

    @rule(job=attempts, group=st.sampled_from(["g1", "g2"]), repeat=st.booleans())
    def bury(self, job: Reserved, group: str, repeat: bool) -> None:
        current = self._is_current(job)
        assert (self.moves.bury(job, group=group) == []) is current
        if current:
            known = self.world.jobs[job.id]
            if known.cancelling:
                known.state = "cancelled"
            else:
                known.state, known.group = "dead", group
            self._settled(job, keep_crashes=True)
        if repeat:
            assert self.moves.bury(job, group=group) == [0]

    @rule(job=attempts)
    def stop_cancelled(self, job: Reserved) -> None:
        current = self._is_current(job)
        assert (self.moves.cancelled(job) == []) is current
        if current:
            self.world.jobs[job.id].state = "cancelled"
            self._settled(job, keep_crashes=True)

    @rule(job=attempts, crashed=st.booleans(), repeat=st.booleans())
    def give_back(self, job: Reserved, crashed: bool, repeat: bool) -> None:
        current = self._is_current(job)
        assert (self.moves.requeue(job, crashed=crashed) == []) is current
        if current:
            known = self.world.jobs[job.id]
            known.crashes += crashed
            if known.cancelling:
                known.state = "cancelled"
            else:
                self.world.wait(job.id, front=True)
            self._settled(job, keep_crashes=True)
        if repeat:
            assert self.moves.requeue(job, crashed=crashed) == [0]

    # People

    @rule(ids=SOME, running=st.booleans())
    def cancel(self, ids: list[str], running: bool) -> None:
        expected = []
        for job_id in ids:
            known = self.world.jobs.get(job_id)
            expected.append(known.state if known and known.state in LIVE else "ended")
            if known and known.state == "running":
                known.cancelling |= running
            elif known and known.state in LIVE:
                known.state = "cancelled"
        assert self.moves.cancel(*ids, running=running) == expected

    @rule(ids=SOME)
    def promote(self, ids: list[str]) -> None:
        chosen = [i for i in ids if i in self.world.jobs and self.world.jobs[i].state in ("delayed", "retrying")]
        for job_id in chosen:
            self.world.wait(job_id)
        assert self.store.jobs.promote(QUEUE, ids) == [i in chosen for i in ids]

    @rule()
    def promote_due(self) -> None:
        expected = self._promote_due()
        assert self.store.queues.promote_due(QUEUE) == expected

    @rule(ids=SOME, right=st.booleans())
    def revive(self, ids: list[str], right: bool) -> None:
        pairs, expected = [], []
        for job_id in ids:
            known = self.world.jobs.get(job_id)
            group = known.group if known else ""
            if known and known.state == "dead" and not right:
                group = "g1" if group == "g2" else "g2"
            pairs.append((job_id, group))
            can = known is not None and (known.state == "cancelled" or (known.state == "dead" and right))
            expected.append(can)
            if known and can:
                known.crashes = 0
                self.world.wait(job_id)
        assert self.store.jobs.revive(QUEUE, pairs) == expected

    @rule(ids=SOME)
    def discard(self, ids: list[str]) -> None:
        dead = [i in self.world.jobs and self.world.jobs[i].state == "dead" for i in ids]
        groups = [self.world.jobs[i].group if i in self.world.jobs else "g1" for i in ids]
        assert self.store.dead.discard(QUEUE, list(zip(ids, groups, strict=True))) == dead
        for job_id, done in zip(ids, dead, strict=True):
            if done:
                self.world.jobs[job_id].state = "trash"

    @rule(ids=SOME)
    def restore(self, ids: list[str]) -> None:
        letters = self.store.jobs.locate(QUEUE, ids)
        expected = []
        for letter in letters:
            known = self.world.jobs[letter.id]
            was = known.state
            expected.append(was in ("trash", "emptied"))
            if was == "trash":
                known.state = "dead"
            elif was == "emptied":
                known.crashes = 0
                if known.before != "waiting" and known.due == "future":
                    known.state = known.before
                else:
                    self.world.wait(letter.id)
        if letters:
            assert self.store.dead.restore(QUEUE, letters) == expected

    @rule()
    def empty(self) -> None:
        gone = self.world.of("waiting", "delayed", "retrying")
        assert self.store.queues.empty(QUEUE) == (len(gone), 0)
        for job_id in gone:
            job = self.world.jobs[job_id]
            job.before, job.state = job.state, "emptied"
        self.world.places.clear()

    @rule(ids=SOME)
    def trash(self, ids: list[str]) -> None:
        gone = [
            i for i in ids if i in self.world.jobs and self.world.jobs[i].state in ("waiting", "delayed", "retrying")
        ]
        assert self.store.queues.trash(QUEUE, ids) == [i in gone for i in ids]
        for job_id in gone:
            job = self.world.jobs[job_id]
            job.before, job.state = job.state, "emptied"

    @rule(ids=SOME)
    def remove(self, ids: list[str]) -> None:
        gone = [i for i in ids if i in self.world.jobs and self.world.jobs[i].state in ("completed", "cancelled")]
        assert self.store.jobs.remove(QUEUE, ids) == [i in gone for i in ids]
        self._forget(gone)

    @rule(trashed=st.booleans(), ended=st.booleans())
    def expire(self, trashed: bool, ended: bool) -> None:
        gone = self.world.of("trash", "emptied") if trashed else []
        key = self.store.keys.trash(QUEUE)
        for member in self.store.client.zrange(key, 0, -1) if trashed else ():
            self.store.client.zadd(key, {member: 1})
        keep = (-1, 100) if ended else (86_400_000, 100)
        assert self.store.queues.expire(QUEUE, *keep).trashed == len(gone)
        for job_id in gone:
            del self.world.jobs[job_id]
        if ended:
            self._forget(self.world.of("completed", "cancelled"))

    @rule(job_id=IDS)
    def forget_the_remembered(self, job_id: str) -> None:
        """As after ten minutes: an id that ended long ago is free again."""
        known = self.world.jobs.get(job_id)
        self.store.client.zrem(self.store.keys.known(QUEUE), job_id)
        self.world.forgotten.discard(job_id)
        for name in ("completed", "cancelled"):
            if known and known.state == name:
                self.store.client.zadd(getattr(self.store.keys, name)(QUEUE), {job_id: self._now() - 700_000})
                assert self.moves.enqueue(job_id) == [True]
                self.world.jobs[job_id] = Known(0)
                self.world.wait(job_id)
                return

    @rule()
    def pause_or_resume(self) -> None:
        if self.paused:
            assert self.store.pauses.resume(QUEUE, [QUEUE])
        else:
            self.store.pauses.pause(QUEUE, Pause(0, "", ""))
        self.paused = not self.paused

    @rule()
    def lose_the_scripts(self) -> None:
        self.store.client.script_flush()

    @precondition(lambda self: self.world.of("waiting") and not self.paused)
    @rule()
    def wake_up(self) -> None:
        """A worker takes the token and fetches nothing: it puts the token back."""
        assert self.store.block([self.store.keys.wake(QUEUE)], 0.01)
        self.store.settle.fetch("w", [QUEUE], 0)

    # What must hold

    @invariant()
    def every_job_is_where_the_model_says(self) -> None:
        ids = list(self.world.jobs)
        found = {job.id: job for job in self.store.jobs.locate(QUEUE, ids)}
        shown = {"trash": "discarded", "emptied": "discarded"}
        expected = {i: shown.get(job.state, job.state) for i, job in self.world.jobs.items()}
        assert {i: job.state for i, job in found.items()} == expected
        for job_id, known in self.world.jobs.items():
            assert found[job_id].crashes == known.crashes
            assert found[job_id].priority == known.priority
            assert found[job_id].token == (known.token if known.state == "running" else "")
            assert codec.decode_body(found[job_id].body).message_id == job_id

    @invariant()
    def the_depth_is_the_models(self) -> None:
        (row,) = self.store.queues.depth([QUEUE])
        counts = [len(self.world.of(state)) for state in ("waiting", "delayed", "running", "dead")]
        assert [row.waiting - counts[2], row.delayed, row.running, row.dead] == [*counts[:2], 0, counts[3]]

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        assert check(self.store, wakes=True) == []

    # The model's side

    def _now(self) -> int:
        return self.store.processes.now_ms()

    def _is_current(self, job: Reserved) -> bool:
        known = self.world.jobs.get(job.id)
        return known is not None and known.state == "running" and known.token == job.token

    def _settled(self, job: Reserved, *, keep_crashes: bool = False) -> None:
        known = self.world.jobs[job.id]
        known.token, known.cancelling = "", False
        if not keep_crashes:
            known.crashes = 0

    def _trim(self, keep_ms: int, keep_count: int) -> None:
        if keep_ms < 0 or keep_count == 0:
            self._forget(self.world.of("completed"))

    def _forget(self, ids: list[str]) -> None:
        for job_id in ids:
            del self.world.jobs[job_id]
            self.world.forgotten.add(job_id)

    def _promote_due(self) -> int:
        """Retries first, then delayed ones; each by due time, then by id."""
        moved = 0
        for state in ("retrying", "delayed"):
            due = {i for i in self.world.of(state) if self.world.jobs[i].due == "past"}
            zset = [i.decode() for i in self.store.client.zrange(getattr(self.store.keys, state)(QUEUE), 0, -1)]
            for job_id in zset:
                if job_id in due:
                    self.world.wait(job_id)
                    moved += 1
        return moved

    def _next(self, want: int) -> Iterator[str]:
        """The ids that a fetch must bring."""
        mixed = any(self.world.jobs[i].priority for i in self.world.of("waiting"))
        if not mixed:
            kept, self.world.since_last = self.world.since_last, 0
        for _ in range(want):
            last = self.world.since_last >= TURNS - 1
            chosen = self.world.take()
            if chosen is None:
                break
            if mixed:
                self.world.since_last = 0 if last else self.world.since_last + 1
            self.world.jobs[chosen].state = "running"
            yield chosen
        if not mixed:
            self.world.since_last = kept


@pytest.mark.timeout(600)
def test_the_store_does_what_the_model_does(store: Store) -> None:
    StoreMachine.store = store
    run_state_machine_as_test(StoreMachine)
