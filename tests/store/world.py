"""The model that tests/store/test_model.py holds the store against: one queue, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

TURNS = 16
"""Of so many jobs started, one is of the last priority that waits."""


@dataclass
class Known:
    """What the model knows of a job. `place` orders those with a priority among their equals."""

    priority: int
    state: str = "waiting"
    place: float = 0
    due: str = ""
    before: str = ""
    token: str = ""
    group: str = ""
    crashes: int = 0
    cancelling: bool = False


@dataclass
class World:
    """All jobs, the places in the list, and the ids that are remembered without a job.

    A job that leaves the list untimely leaves its place behind; should it come back meanwhile, it has its old place.
    """

    jobs: dict[str, Known] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    places: list[tuple[float, str]] = field(default_factory=list)
    back: float = 0
    front: float = 0
    since_last: int = 0

    def wait(self, job_id: str, *, front: bool = False) -> None:
        job = self.jobs[job_id]
        job.state = "waiting"
        self.back += 1
        self.front -= 1
        if job.priority:
            job.place = 0 if front else self.back
        else:
            self.places.append((self.front if front else self.back, job_id))

    def of(self, *states: str) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.state in states]

    def take(self) -> str | None:
        """The id that is to be started next: by priority and place, but for the turn of the last priority."""
        waiting = {i: self.jobs[i] for i in self.of("waiting")}
        if not waiting:
            self.places.clear()
            return None
        last = self.since_last >= TURNS - 1
        priority = (max if last else min)(job.priority for job in waiting.values())
        if priority == 0:
            place, chosen = min(p for p in self.places if p[1] in waiting and not waiting[p[1]].priority)
            self.places = [p for p in self.places if p[0] > place]
            return chosen
        if (priority > 0 and not last) or (priority < 0 and last):
            self.places.clear()  # only left ones were in it
        return min((job.place, i) for i, job in waiting.items() if job.priority == priority)[1]
