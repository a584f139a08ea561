"""Limits against a model of them: never above a limit, never a job in two places, never one that nothing wakes.

As test_model.py; time passes by `pass_time`. What is left when workers have taken all that they are given must be
held by a bucket that really does not admit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from jobctl.store import Store
from jobctl.store.data.newjob import Unique
from jobctl.store.nouns.pauses import Pause, of_type
from jobctl.store.nouns.settle import Reserved
from tests.store import limits
from tests.store.hourglass import HOUR, pass_time
from tests.store.invariants import check
from tests.store.moves import QUEUE, Moves
from tests.store.rates import Limits, buckets

MINUTE = 60_000
SPARE = 16
"""Due jobs that a fetch promotes beyond those that it has room for."""
LIVE = ("waiting", "limited", "delayed", "retrying", "running")
SOME = st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True)
"""Jobs among those that are there, by a number."""
PRIORITIES = st.sampled_from([-10, 0, 0, 0, 5])
LANES = (
    ("", "r:a", "c:a", "r:a\nc:a"),
    ("r:k|x\nR", "r:k|y\nR", "R\nC", "C"),
    ("c:k|x\nC", "c:k|y\nC", "C", "R\nC"),
    ("", "p:act", "c:a", "c:a\np:act"),
    ("r:a", "c:a", "R\nC", "r:a\nc:a\nR\nC"),
    ("r:k|\nC", "r:nobody\nR", "", "r:k|x\nc:k|x\nR\nC\np:act"),
)
LANE = st.integers(0, 3)
"""One of the four lanes of a run: few that share buckets, so that they meet."""
RATES = (f"3 {HOUR} 1 smooth", f"3 {HOUR} 3 smooth", f"2 {20 * MINUTE} 1 fixed", f"2 {HOUR} 1 sliding")
PLENTY = (f"1000000 {HOUR} 1000 smooth", f"1000 {20 * MINUTE} 1 fixed")
SPECS = {"r:a": RATES, "r:k": RATES, "R": RATES + PLENTY, "c:a": ("1", "2"), "c:k": ("0", "1"), "C": ("1", "2", "3")}
UNIQUES = st.sampled_from(
    [None, None, Unique("act|k", "finished"), *(Unique("act|k", "finished", 0, how) for how in ("fail", "replace"))]
)


@dataclass
class Job:
    """A job as the model knows it. `place` orders it within its lane, or is None: it is not in one."""

    lane: str
    priority: int
    state: str
    token: str = ""
    place: tuple[int, int] | None = None
    cancelling: bool = False
    due: str = ""
    before: str = ""
    fetched: tuple[int, int] = (0, 0)
    """When it was fetched, by how much time had been made to pass, and all in all."""
    number: int = 0


class LimitsMachine(RuleBasedStateMachine):
    """One queue with shared and own buckets, two workers, and people who change limits under them."""

    store: ClassVar[Store]
    attempts: Bundle[Reserved] = Bundle("attempts")

    @initialize(picks=st.lists(st.integers(0, 5), min_size=6, max_size=6), lanes=st.sampled_from(LANES))
    def begin(self, picks: list[int], lanes: tuple[str, ...]) -> None:
        self.store.client.flushdb()
        self.moves, self.jobs, self.limits = Moves(self.store), dict[str, Job](), Limits()
        self.limits.specs = {name: SPECS[name][i % len(SPECS[name])] for name, i in zip(SPECS, picks, strict=True)}
        self.store.limits.define(QUEUE, self.limits.specs)
        self.lanes, self.passed, self.sequence = lanes, 0, 0
        self.starts = self.turns = 0

    @rule(count=st.integers(1, 5), pick=LANE)
    def enqueue(self, count: int, pick: int) -> None:
        self._enqueue(count, self.lanes[pick])

    @rule(
        count=st.integers(1, 3),
        pick=LANE,
        priority=PRIORITIES,
        due=st.sampled_from(["", "past", "future"]),
        how=UNIQUES,
    )
    def enqueue_another_way(self, count: int, pick: int, priority: int, due: str, how: Unique | None) -> None:
        self._enqueue(count, self.lanes[pick], priority, due, how)

    @rule(target=attempts, worker=st.sampled_from(["w1", "w2"]), want=st.integers(1, 6))
    def fetch(self, worker: str, want: int) -> Any:
        return multiple(*self._fetch(worker, want))

    @rule(job=attempts, how=st.sampled_from(["complete", "bury", "cancelled"]))
    def end(self, job: Reserved, how: str) -> None:
        state = "dead" if how == "bury" and not self.jobs[job.id].cancelling else how
        ends = {"complete": "completed", "dead": "dead", "bury": "cancelled", "cancelled": "cancelled"}
        self._settle(job, getattr(self.moves, how), lambda: self._leave(job.id, ends[state]))

    @rule(job=attempts, due=st.sampled_from(["past", "future"]))
    def retry(self, job: Reserved, due: str) -> None:
        def after() -> None:
            self._leave(job.id, "cancelled" if self.jobs[job.id].cancelling else "retrying")
            self.jobs[job.id].due = due

        delay = -HOUR if due == "past" else 9 * HOUR
        self._settle(job, lambda one: self.moves.retry(one, delay_ms=delay), after)

    @rule(job=attempts, to=st.integers(0, 9))
    def give_back_unbegun(self, job: Reserved, to: int) -> None:
        """What a token says of its time does not pass: only those that were fetched at this very time are judged."""
        lane, known = self.lanes[to] if to < len(self.lanes) else "", self.jobs[job.id]
        passed, at = known.fetched

        def after() -> None:
            for bucket in buckets(known.lane):
                if bucket[0] in "rR":
                    rate = self.limits.rate(bucket)
                    if rate.until > self._at():
                        continue
                    rate.starts.remove(at) if at in rate.starts else None
            self._leave(job.id, "cancelled")
            known.lane = lane or known.lane
            if not known.cancelling:
                self._wait(job.id, front=not lane, number=known.number)

        if passed == self.passed:
            self._settle(job, lambda one: self.moves.requeue(one, lane=lane, begun=False), after)

    @rule(job=attempts, crashed=st.booleans(), to=st.integers(0, 9), pause_ms=st.sampled_from([0, 0, HOUR, 3 * HOUR]))
    def give_back(self, job: Reserved, crashed: bool, to: int, pause_ms: int) -> None:
        lane = self.lanes[to] if to < len(self.lanes) else ""

        def after() -> None:
            known = self.jobs[job.id]
            self._leave(job.id, "cancelled")
            known.lane = lane or known.lane
            for bucket in buckets(known.lane) if pause_ms else ():
                if bucket[0] in "rR" and bucket.partition("|")[0] in self.limits.specs:
                    rate = self.limits.rate(bucket)
                    rate.until = max(rate.until, self._at() + pause_ms)
                    rate.clean = False if rate.spec.endswith("smooth") else rate.clean  # no burst after it
            if not known.cancelling:
                self._wait(job.id, front=not lane, number=known.number)

        self._settle(job, lambda one: self.moves.requeue(one, crashed=crashed, lane=lane, pause_ms=pause_ms), after)

    @rule(picks=SOME, running=st.booleans())
    def cancel(self, picks: list[int], running: bool) -> None:
        ids = self._some(picks, *LIVE)
        assert self.moves.cancel(*ids, running=running) == [self.jobs[i].state for i in ids]
        for job_id in ids:
            if self.jobs[job_id].state == "running":
                self.jobs[job_id].cancelling |= running
            else:
                self._leave(job_id, "cancelled")

    @rule(picks=SOME)
    def revive(self, picks: list[int]) -> None:
        ids = self._some(picks, "dead", "cancelled")
        pairs = [(i, "g1" if self.jobs[i].state == "dead" else "") for i in ids]
        assert self.store.jobs.revive(QUEUE, pairs) == [True] * len(ids)
        for job_id in ids:
            self._wait(job_id)

    @rule(picks=SOME)
    def promote(self, picks: list[int]) -> None:
        ids = self._some(picks, "delayed", "retrying")
        assert self.store.jobs.promote(QUEUE, ids) == [True] * len(ids)
        for job_id in ids:
            self._wait(job_id)

    @rule(picks=SOME, priority=PRIORITIES)
    def reprioritise(self, picks: list[int], priority: int) -> None:
        ids = self._some(picks, *LIVE)
        assert self.store.jobs.reprioritise(QUEUE, ids, priority) == [True] * len(ids)
        for job_id in ids:
            known = self.jobs[job_id]
            known.priority = priority
            known.place = known.place and (priority, known.place[1])

    @rule(picks=SOME, to=LANE)
    def relane(self, picks: list[int], to: int) -> None:
        ids, lane = self._some(picks, "limited"), self.lanes[to]
        ids.sort(key=lambda i: (self.jobs[i].place or (0, 0))[1], reverse=True)
        assert self.moves.relane(lane, *ids) == len(ids)
        for job_id in ids:
            known = self.jobs[job_id]
            known.lane = lane
            if not lane:
                known.state, known.place = "waiting", None

    @rule(picks=SOME, all_back=st.booleans())
    def empty_and_restore(self, picks: list[int], all_back: bool) -> None:
        gone = self._some(list(range(len(self.jobs))), *LIVE[:-1])
        assert self.store.queues.empty(QUEUE) == (len(gone), 0)
        for job_id in gone:
            self._leave(job_id, "discarded")
        assert check(self.store, wakes=True) == []
        back = gone if all_back else self._some(picks, "discarded")
        found = self.store.jobs.locate(QUEUE, back)
        assert self.store.dead.restore(QUEUE, found) == [True] * len(back)
        for job_id in back:
            known = self.jobs[job_id]
            if known.before in ("delayed", "retrying") and known.due == "future":
                known.state = known.before
            else:
                self._wait(job_id)

    @rule(limit=st.sampled_from(list(SPECS)), pick=st.integers(0, 5), forget=st.booleans(), by_hand=st.booleans())
    def change(self, limit: str, pick: int, forget: bool, by_hand: bool) -> None:
        spec = SPECS[limit][pick % len(SPECS[limit])]
        self.store.limits.reset(QUEUE, limit)
        self.store.limits.define(QUEUE, {limit: spec})
        if by_hand:
            self.store.limits.set(QUEUE, limit, spec, 0, "me")
        self.limits.specs[limit] = spec
        if forget:
            for bucket in [b for b in self.limits.rates if b.partition("|")[0] == limit]:
                _, _, key = bucket.partition("|")
                self.store.limits.reset(QUEUE, limit, key if "|" in bucket else None)
                del self.limits.rates[bucket]
            self.store.limits.set(QUEUE, limit, spec, 0, "me")
        else:
            for bucket in [b for b in self.limits.rates if b.partition("|")[0] == limit]:
                self.limits.rates[bucket].clean, self.limits.rates[bucket].until = False, 0

    @rule()
    def pause_or_resume(self) -> None:
        if "act" in self.limits.paused:
            self.store.pauses.resume(of_type("act"), [QUEUE])
        else:
            self.store.pauses.pause(of_type("act"), Pause(0, "", ""))
        self.limits.paused ^= {"act"}

    @rule(times=st.integers(1, 9))
    def time_passes(self, times: int) -> None:
        self.passed += times * 20 * MINUTE
        pass_time(self.store, times * 20 * MINUTE)
        self.store.queues.wake(QUEUE)  # as a worker who was told of what is due next

    @rule()
    def a_token_is_taken_for_nothing(self) -> None:
        if self.store.client.lpop(self.store.keys.wake(QUEUE)):
            self.store.settle.fetch("w", [QUEUE], 0)

    @rule(target=attempts, want=st.sampled_from([1, 2, 40]))
    def take_all_that_may_go(self, want: int) -> Any:
        """What is left is held by a bucket that does not admit; and who sleeps knows until when."""
        taken: list[Reserved] = []
        while got := self._fetch("w1", want):
            taken += got
        view, at = limits.read(self.store, QUEUE), self._at()
        assert not view.turns
        assert not [i for i, job in self.jobs.items() if job.state == "waiting"]
        for bucket, lanes in view.lines.items():
            assert not self.limits.surely_admits(bucket, at), f"{bucket} holds {lanes}"
        fetched = self.store.settle.fetch("w1", [QUEUE], 1)
        assert fetched.jobs == ()
        assert fetched.next_due_ms > fetched.now_ms if view.lines else True
        return multiple(*taken)

    @invariant()
    def every_job_is_where_the_model_says(self) -> None:
        found = {job.id: job.state for job in self.store.jobs.locate(QUEUE, list(self.jobs))}
        assert found == {job_id: job.state for job_id, job in self.jobs.items()}

    @invariant()
    def the_holder_of_a_key_lives(self) -> None:
        holder = (self.store.client.get(self.store.keys.unique(QUEUE, "act|k")) or b"").decode()
        assert not holder or self.jobs[holder].state in LIVE

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        assert check(self.store, wakes=True) == []

    # The model's side

    def _enqueue(self, count: int, lane: str, priority: int = 0, due: str = "", unique: Unique | None = None) -> None:
        ids = [f"j{len(self.jobs) + i:03}" for i in range(count)]
        at = {"": None, "past": self._now() - HOUR, "future": self._now() + 9 * HOUR}[due]
        options = {"lane": lane, "priority": priority, "at_ms": at, "unique": unique}
        for job_id, said in zip(ids, self.moves.offer(*ids, **options), strict=True):
            assert said.fresh or unique
            if said.fresh:
                self.jobs[job_id] = Job(lane, priority, "delayed", due=due)
                if not due:
                    self._wait(job_id)
                if said.other:
                    assert self.jobs[said.other].state in LIVE[:-1]
                    self._leave(said.other, "cancelled")
        fresh = [job_id for job_id in ids if job_id in self.jobs]
        if fresh:
            again = self.moves.offer(*fresh, **options)
            assert [said.outcome for said in again] == ["known"] * len(fresh)

    def _some(self, picks: list[int], *states: str) -> list[str]:
        """Jobs in one of the states, by numbers."""
        there = [job_id for job_id, job in self.jobs.items() if job.state in states]
        return list({there[pick % len(there)]: None for pick in picks}) if there else []

    def _now(self) -> int:
        return self.store.processes.now_ms()

    def _at(self) -> int:
        return self._now() + self.passed

    def _wait(self, job_id: str, *, front: bool = False, number: int = 0) -> None:
        job = self.jobs[job_id]
        self.sequence += 1
        job.state = "limited" if job.lane else "waiting"
        job.place = (job.priority, -self.sequence if front else number or self.sequence) if job.lane else None

    def _leave(self, job_id: str, state: str) -> None:
        job = self.jobs[job_id]
        if job.state == "running":
            self.limits.end(job.lane)
        job.before, job.state, job.place = job.state, state, None

    def _settle(self, job: Reserved, call: Callable[[Reserved], list[int]], after: Callable[[], None]) -> None:
        """End an attempt, twice as when the reply was lost; nothing happens if it is not the current one."""
        known = self.jobs[job.id]
        current = known.state == "running" and known.token == job.token
        assert (call(job) == []) is current
        if current:
            after()
            known.cancelling = False
        assert call(job) == [0]

    def _promote_due(self, most: int) -> None:
        for state in ("retrying", "delayed"):
            key = getattr(self.store.keys, state)(QUEUE)
            due = self.store.client.zrangebyscore(key, "-inf", self._now(), start=0, num=most)
            for job_id in due:
                self._wait(job_id.decode())

    def _fetch(self, worker: str, want: int) -> list[Reserved]:
        self._promote_due(want + SPARE)
        jobs, at = self.moves.fetch(want, worker=worker), self._at()
        assert len(jobs) <= want
        for got in jobs:
            job = self.jobs[got.id]
            assert job.state in ("waiting", "limited")
            assert got.lane == job.lane
            self._keeps_the_order(got.id, job)
            assert self.limits.start(job.lane, at) == [], f"{got.id} of {job.lane!r}"
            self.sequence += 1
            job.state, job.token, job.place = "running", got.token, None
            job.fetched, job.number = (self.passed, at), self.sequence
        return jobs

    def _keeps_the_order(self, job_id: str, job: Job) -> None:
        """The oldest of a priority goes first in its lane; a lower priority only when it is the turn of the lowest."""
        self.starts += 1
        others = [(o.place, i) for i, o in self.jobs.items() if o.lane == job.lane and o.place]
        if job.place is None:
            return
        same = [other for other in others if other[0][0] == job.place[0]]
        assert (job.place, job_id) == min(same), "the order of a lane"
        self.turns += (job.place, job_id) != min(others)
        assert self.turns <= 2 + self.starts / 8, "turns of the lowest"


@pytest.mark.timeout(900)
def test_limits_do_what_the_model_does(store: Store) -> None:
    LimitsMachine.store = store
    run_state_machine_as_test(LimitsMachine)
