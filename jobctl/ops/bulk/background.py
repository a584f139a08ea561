"""Changes that outlive the terminal: begun here, carried on by supervisors and schedulers (see carrier.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.catalog.units import format_rate
from jobctl.errors import NothingMatched, Refused
from jobctl.ops.bulk.run import MAX_WORDS
from jobctl.store.nouns.carried import MOST_JOBS
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.nouns.operations import Pace

ORDERS = {"pause": "paused", "resume": "running", "abort": "aborted"}


class Gathered:
    """The jobs of a plan, by queue and type: who knows a type carries on what is of it."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], list[str]] = {}

    def take(self, job: Found) -> None:
        """Another job of the plan, younger than the ones before."""
        job_type = to_job(job).type
        self.jobs.setdefault((job.queue, job_type if job_type.isprintable() else "?"), []).append(job.id)


def start(store: Store, verb: Verb, planned: Planned, gathered: Gathered, pace: Pace) -> str:
    """Begin a change that others carry on; returns its id. Raises Refused for too many jobs."""
    if planned.matched > MOST_JOBS:
        raise Refused(
            f"{planned.matched:,} {verb.noun}s are too many for an operation in the background",
            f"choose fewer, such as --limit {MOST_JOBS}",
        )
    words, detail = planned.selection.words[:MAX_WORDS], words_of(pace)
    jobs = gathered.jobs
    if planned.selection.limit is None:
        jobs = {key: members[::-1] for key, members in jobs.items()}  # they were found newest first
    intent = store.operations.intent(verb.name, words, detail, planned.matched, planned.parts, planned.samples, pace)
    name = store.carried.start(intent, pace, jobs)
    store.audit.add(verb.name, words, 0, detail, matched=planned.matched, outcome="begun", operation=name)
    return name


def words_of(pace: Pace) -> str:
    """How it is to go, in words."""
    parts = ["in the background"]
    if pace.rate:
        parts.append(format_rate(pace.rate, pace.per_ms))
    if pace.canary:
        parts.append(f"canary of {pace.canary}")
    if pace.failing is not None:
        parts.append(f"until {pace.failing:g}% fail again")
    return ", ".join(parts)


def order(store: Store, name: str, what: str) -> None:
    """Pause, resume or abort an operation. Raises NothingMatched for one that there is not, Refused where its state
    does not allow it."""
    done, state = store.carried.order(name, what, "")
    if done:
        store.audit.add(f"op {what}", name, 1, operation=name)
    elif not state:
        raise NothingMatched(f"no operation {name[:50]}", "`jobctl op ls` lists them")
    elif state == "terminal":
        raise Refused(f"operation {name} runs in a terminal: you cannot {what} it", "interrupt it there with Ctrl-C")
    elif state != ORDERS[what]:
        hint = "run the command again for what is left" if what == "resume" else ""
        raise Refused(f"operation {name} is {state}: you cannot {what} it", hint)
