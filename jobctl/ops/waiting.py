"""Waiting for jobs to end: announcements, and a bounded look at Redis every second in case one was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from jobctl.errors import JobctlError, JobDied, NothingMatched, WaitTimeout
from jobctl.ops.jobs import find
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import Job
from jobctl.store.data.states import BY_NAME, TERMINAL, UNWELL
from jobctl.text import first_line

LOOKS_A_SECOND = 2_000
"""How many of the jobs still waited for are looked up every second; all of them are once, at the start."""


def ended(
    store: Store, jobs: Iterable[JobRef], timeout_s: float | None, seen: Callable[[Found], None] | None = None
) -> Iterator[JobRef]:
    """Yield jobs as they end. Stops early when the time is up.

    A job that is gone has ended too: its queue keeps no finished jobs. `seen` is called with every job that is looked
    at and has not ended.
    """
    yield from store.events.wait(jobs, _Looker(store, seen).ended, timeout_s)


class _Looker:
    """Looks jobs up: all at first, then a window that moves over what is left."""

    def __init__(self, store: Store, seen: Callable[[Found], None] | None) -> None:
        self._store = store
        self._seen = seen
        self._first = True
        self._at = 0

    def ended(self, left: set[JobRef]) -> set[JobRef]:
        window = list(left) if self._first else self._window(left)
        self._first = False
        live: set[JobRef] = set()
        for queue, ids in _by_queue(window).items():
            going_on = [found for found in self._store.jobs.locate(queue, ids) if found.state not in TERMINAL]
            live |= {found.ref for found in going_on}
            if self._seen is not None:
                for found in going_on:
                    self._seen(found)
        return set(window) - live

    def _window(self, left: set[JobRef]) -> list[JobRef]:
        if self._at >= len(left):
            self._at = 0
        window = list(islice(left, self._at, self._at + LOOKS_A_SECOND))
        self._at += LOOKS_A_SECOND
        return window


def _by_queue(jobs: Iterable[JobRef]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for queue, job_id in jobs:
        out.setdefault(queue, []).append(job_id)
    return out


def wait_one(store: Store, job: JobRef, timeout_s: float | None, seen: Callable[[Found], None] | None = None) -> Job:
    """Wait for one job and return it. Raises WaitTimeout, or NothingMatched if it is not kept."""
    for _ in ended(store, [job], timeout_s, seen):
        return find(store, job.id, job.queue)
    raise timed_out(job.id, timeout_s)


def result(store: Store, job_id: str, queue: str | None = None) -> Any:
    """What a job returned. Raises NothingMatched without one, JobDied if it died or was cancelled, WaitTimeout if it
    has not ended."""
    job = find(store, job_id, queue)
    if job.state not in TERMINAL:
        raise WaitTimeout(f"job {job.id} has not ended: it is {job.state}", "add --wait to wait for it")
    if (died := verdict(job)) is not None:
        raise died
    if job.result is None:
        raise NothingMatched(f"job {job.id} completed and returned nothing")
    return job.result


def timed_out(job_id: str, timeout_s: float | None) -> WaitTimeout:
    return WaitTimeout(
        f"job {job_id} has not ended within {timeout_s or 0:g} s; it goes on", f"jobctl job show {job_id}"
    )


def verdict(job: Job) -> JobctlError | None:
    """What the end of a waited-for job means: None if it completed, JobDied otherwise."""
    if BY_NAME[job.state].well:
        return None
    if job.state != "dead":
        return JobDied(f"job {job.id} is {job.state}")
    told = [f"job {job.id} is dead", job.error, first_line(job.message)]
    return JobDied(": ".join(filter(None, told)), f"jobctl job show {job.id}")


def count_ends(store: Store, jobs: Collection[JobRef], timeout_s: float | None) -> Counter[str]:
    """How many of many jobs ended in which state; those that did not end in time count as `waiting`.

    A job that ended and is not kept counts as `gone`: how it ended is no longer known.
    """
    counts: Counter[str] = Counter()
    batch: list[JobRef] = []
    done = 0
    for job in ended(store, jobs, timeout_s):
        done += 1
        batch.append(job)
        if len(batch) >= 500:
            counts += _states(store, batch)
            batch = []
    counts += _states(store, batch)
    if left := len(set(jobs)) - done:
        counts["waiting"] = left
    return counts


def _states(store: Store, batch: Iterable[JobRef]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for queue, ids in _by_queue(batch).items():
        found = store.jobs.locate(queue, ids)
        counts.update(job.state for job in found)
        counts["gone"] += len(ids) - len(found)
    return +counts


def worst_end(counts: Mapping[str, int]) -> int:
    """The exit code for many jobs: JobDied over WaitTimeout over a job whose end is not known over success."""
    if any(counts.get(state) for state in UNWELL):
        return JobDied.exit_code
    if counts.get("waiting"):
        return WaitTimeout.exit_code
    return NothingMatched.exit_code if counts.get("gone") else 0
