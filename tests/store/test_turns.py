"""Of any 16 jobs of a queue that start in a row, one has the lowest priority that waits: with limits, keys, lanes of
paused types, jobs that are given back, and calls of any size.

A program of random steps runs against a queue. It is broken if 16 jobs start in a row while, before each of them, a job
of a lower priority than all of theirs could have started.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from jobctl.store import Store
from jobctl.store.nouns.pauses import Pause, of_type
from jobctl.store.nouns.settle import Reserved
from tests.store.moves import QUEUE, Moves

TURNS = 16
PRIORITIES = (-10, -5, 0, 5, 10)
LIMITS = {"c:two": 2, "c:nine": 9, "C": 12}
LANES = ("", "", "c:nine", "c:two", "c:nine\nC", "c:two\nC", "p:act\nC", "p:stopped\nC", "c:nine|x", "c:nine|y")
PAUSED = "p:stopped"


@dataclass
class Job:
    priority: int
    lane: str

    @property
    def buckets(self) -> list[str]:
        return [bucket for bucket in self.lane.split("\n") if bucket]


@dataclass
class Program:
    """Random steps, and what was started by them."""

    moves: Moves
    random: random.Random
    waiting: dict[str, Job] = field(default_factory=dict)
    running: dict[str, tuple[Job, Reserved]] = field(default_factory=dict)
    slots: Counter[str] = field(default_factory=Counter)
    row: list[tuple[int, int]] = field(default_factory=list)
    """Of the jobs that started in a row: their priority, and the lowest that could have started then."""
    made: int = 0

    def add(self, most: int, priorities: tuple[int, ...]) -> None:
        for _ in range(self.random.randint(0, most)):
            job = Job(self.random.choice(priorities), self.random.choice(LANES))
            job_id = f"j{self.made}"
            self.made += 1
            self.waiting[job_id] = job
            self.moves.enqueue(job_id, priority=job.priority, lane=job.lane)

    def may_start(self, job: Job) -> bool:
        if PAUSED in job.buckets:
            return False
        return all(self.slots[bucket] < LIMITS.get(bucket.partition("|")[0], 10_000) for bucket in job.buckets)

    def start(self, want: int) -> None:
        for reserved in self.moves.fetch(want):
            lowest = max((job.priority for job in self.waiting.values() if self.may_start(job)), default=-1_000)
            job = self.waiting.pop(reserved.id)
            self.row.append((job.priority, lowest))
            self.running[reserved.id] = job, reserved
            self.slots.update(job.buckets)
            last = self.row[-TURNS:]
            assert len(last) < TURNS or max(p for p, _ in last) >= min(low for _, low in last), last

    def end(self, share: float) -> None:
        for job_id in [job_id for job_id in self.running if self.random.random() < share]:
            job, reserved = self.running.pop(job_id)
            self.moves.complete(reserved)
            self.slots.subtract(job.buckets)


@pytest.mark.parametrize("seed", range(6))
def test_the_lowest_priority_has_its_turn_whatever_happens(store: Store, moves: Moves, seed: int) -> None:
    store.limits.define(QUEUE, {limit: str(count) for limit, count in LIMITS.items()})
    store.pauses.pause(of_type("stopped"), Pause(0, "", "me"))
    program = Program(moves, random.Random(seed))
    program.add(150, PRIORITIES)
    for _ in range(250):
        program.add(8, PRIORITIES[: program.random.choice((1, 2, 5))])
        program.start(program.random.choice((1, 1, 2, 3, 7, 16, 40)))
        program.end(program.random.choice((0.1, 0.5, 1.0)))
    assert len(program.row) > 300


def test_a_job_that_is_put_aside_has_not_used_the_turn_of_the_lowest_priority(store: Store, moves: Moves) -> None:
    """Its type is paused, and no script knew: its worker gives it back."""
    store.pauses.pause(of_type("stopped"), Pause(0, "", "me"))
    moves.enqueue("aside", type="stopped", priority=10)
    moves.enqueue("low", priority=5)
    started = []
    for number in range(2 * TURNS):
        moves.enqueue(f"high{number}", priority=-10)
        for job in moves.fetch(1):
            if job.id == "aside":
                moves.requeue(job, lane=PAUSED, begun=False)
            else:
                started.append(job.id)
    assert "low" in started[:TURNS]
