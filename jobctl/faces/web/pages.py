"""The pages that are read: each from the sampler, or a bounded look of its own."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from jobctl import clock
from jobctl.errors import NothingMatched
from jobctl.faces.finding import read_filter
from jobctl.faces.paging import page as job_page
from jobctl.faces.web.desk import Desk
from jobctl.ops import groups as explaining
from jobctl.ops import held
from jobctl.ops.audit import touched
from jobctl.ops.jobs import locate, logs
from jobctl.ops.known import no_queue
from jobctl.ops.queues import show as queue_detail
from jobctl.ops.schedules.look import history
from jobctl.store.data.states import ALL, STATES
from jobctl.store.data.states import BY_NAME as STATE

if TYPE_CHECKING:
    from jobctl.store.data.records import DeadGroup

LOG_LINES = 200
AUDIT = 100
HISTORY = 50


class Pages:
    """What is read. Every page answers within its own look; what is dear was read before."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.changes.store
        self._catalog = desk.changes.catalog

    def overview(self, request: Request) -> Response:
        sample = self._desk.sampler.look()
        states = [(state.name, sample.count(state.name)) for state in ALL if state.counted]
        problems = self._desk.problems.look()
        return self._desk.show(request, "overview", sample=sample, states=states, problems=problems, live=True)

    def queues(self, request: Request) -> Response:
        return self._desk.show(request, "queues", sample=self._desk.sampler.look(), live=True)

    def queue(self, request: Request) -> Response:
        sample, name = self._desk.sampler.look(), request.path_params["queue"]
        row = next((row for row in sample.queues if row.queue == name), None)
        if row is None:
            raise no_queue(name[:120], [row.queue for row in sample.queues])
        detail = queue_detail(self._store, self._catalog, name)
        return self._desk.show(request, "queue", row=row, detail=detail, states=_counts(row), live=True)

    def jobs(self, request: Request) -> Response:
        asked = request.query_params
        text = asked.get("filter", "")
        wanted = read_filter(text)
        possible = [state for state in STATES if wanted.possible(state=state)]
        state = asked.get("state", "")
        if state not in possible:
            state = next((one for one in ("dead", "running", *STATES) if one in possible), "dead")
        found = job_page(self._store, self._catalog, wanted, state, asked.get("after"))
        sample = self._desk.sampler.look()
        return self._desk.show(
            request, "jobs", found=found, filter=text, state=state, states=possible, sample=sample,
            verbs=sorted(STATE[state].allows & {"retry", "cancel", "promote", "discard"}),
        )  # fmt: skip

    def job(self, request: Request) -> Response:
        queue, job_id = request.path_params["queue"], request.path_params["id"]
        found = locate(self._store, job_id, queue)
        job = touched(self._store, held.shown(self._store, found))
        lines = logs(self._store, job_id, queue)[-LOG_LINES:]
        told = [(clock.to_datetime(line.at), line) for line in lines]
        group = found.record.group if STATE[found.state].died else None
        verbs = sorted(STATE[job.state].allows & {"retry", "cancel", "promote", "discard"})
        live = not STATE[job.state].ended
        return self._desk.show(request, "job", job=job, log=told, group=group, verbs=verbs, live=live)

    def groups(self, request: Request) -> Response:
        return self._desk.show(request, "groups", sample=self._desk.sampler.look(), live=True)

    def group(self, request: Request) -> Response:
        queue, name = request.path_params["queue"], request.path_params["group"]
        row = self._group(queue, name)
        [detail] = explaining.explained(self._store, [row])
        wanted = read_filter(f"queue:{queue} group:{name}")
        found = job_page(self._store, self._catalog, wanted, "dead")
        return self._desk.show(request, "group", group=detail, found=found)

    def _group(self, queue: str, name: str) -> DeadGroup:
        if self._store.dead.has_group(queue, name):
            for row in self._store.dead.named(queue, [name]):
                return row
        raise NothingMatched(f"no group {name[:60]} in queue {queue[:120]}", "its dead letters may be retried or gone")

    def schedules(self, request: Request) -> Response:
        sample = self._desk.sampler.look()
        return self._desk.show(request, "schedules", sample=sample, calendar=self._desk.calendar.look(), live=True)

    def schedule(self, request: Request) -> Response:
        name, sample = request.path_params["schedule"], self._desk.sampler.look()
        row = next((row for row in sample.schedules if row.name == name), None)
        if row is None:
            raise NothingMatched(f"no schedule {name[:120]}", "`jobctl schedule ls` shows them all")
        past = islice(history(self._store, self._catalog, [name], since_ms=None, until_ms=None), HISTORY)
        return self._desk.show(request, "schedule", row=row, ticks=list(past))

    def limits(self, request: Request) -> Response:
        return self._desk.show(request, "limits", sample=self._desk.sampler.look(), live=True)

    def workers(self, request: Request) -> Response:
        return self._desk.show(request, "workers", sample=self._desk.sampler.look(), live=True)

    def events(self, request: Request) -> Response:
        return self._desk.show(request, "events", sample=self._desk.sampler.look(), live=True)

    def audit(self, request: Request) -> Response:
        return self._desk.show(request, "audit", entries=self._store.audit.recent(AUDIT))


def _counts(row: object) -> list[tuple[str, int | None]]:
    return [(state.name, getattr(row, state.name)) for state in ALL if state.counted]
