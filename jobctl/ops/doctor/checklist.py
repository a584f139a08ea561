"""What a deployment that people depend on should have: each line with its evidence and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.ops.doctor import server
from jobctl.ops.doctor.check import listed
from jobctl.ops.doctor.secrets import exposed
from jobctl.store.nouns import trimming
from jobctl.store.nouns.ends import ends

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, JobType, RetryPolicy
    from jobctl.store import Store

WEEK = timedelta(days=7)
LONG_MS = 86_400_000
"""A time limit above this is as good as none."""
PROCESSES_A_CORE = 2
"""More processes than this a core only wait for each other."""
AUDITED = 2_000
"""Changes that are looked at, the latest."""
HTTP = "http"


class ChecklistLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `state`: ok, fail, or unknown (it cannot be told). `fix` is the line of the catalog, or the command,
    that mends it, and `place` where that line belongs, as FILE:LINE."""

    line: str
    state: str
    evidence: str
    fix: str = ""
    place: str = ""


class _Scene:
    """What the lines look at."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self.store = store
        self.catalog = catalog
        self.jobs = list(catalog.jobs.values())
        self.processes = store.processes.ls()

    def place(self, *keys: str) -> str:
        """Where a key of the catalog stands, or the nearest one around it."""
        for length in range(len(keys), 0, -1):
            if found := self.catalog.positions.get(".".join(keys[:length])):
                return f"{self.catalog.path}:{found[0]}"
        return str(self.catalog.path)


Finding = tuple[str, str, str, str]
"""state, evidence, fix, place"""


def checklist(store: Store, catalog: Catalog) -> list[ChecklistLine]:
    """Every line. Changes nothing. Raises RedisUnavailable."""
    scene = _Scene(store, catalog)
    found = ((line, look(scene)) for line, look in LINES)
    return [
        ChecklistLine(line=line, state=state, evidence=evidence, fix=fix, place=place)
        for line, (state, evidence, fix, place) in found
    ]


def _dead_letters(scene: _Scene) -> Finding:
    short = [queue for queue in scene.catalog.queues.values() if (queue.keep.dead_ms or WEEK_MS) < WEEK_MS]
    dropped = trimming.dropped(scene.store, scene.store.queues.names())
    fix = "keep: {dead: 90d}"
    if short:
        name = short[0].name
        said = f"dead letters are kept {format_duration(short[0].keep.dead_ms or 0)} only in {_names(short)}"
        return "fail", said, f"queues.{name}.{fix}", scene.place("queues", name, "keep", "dead")
    lately = [name for name, one in dropped.items() if clock.to_ms(one.last) > clock.now_ms() - WEEK_MS]
    if lately:
        said = f"dead letters of {listed(lately)} were dropped in the last week: more than `dead_count` died"
        return "fail", said, f"queues.{lately[0]}.{fix}", scene.place("queues", lately[0], "keep")
    ages = [queue.keep.dead_ms for queue in scene.catalog.queues.values() if queue.keep.dead_ms is not None]
    kept = f"at least {format_duration(min(ages))}" if ages else "until someone retries or discards them"
    return "ok", f"kept {kept}; none dropped in the last week", "", ""


def _backoff(scene: _Scene) -> Finding:
    flat = [job for job in scene.jobs if job.retries.max > 1 and not _grows(job.retries)]
    if flat:
        name = flat[0].name
        said = f"the delays between retries do not grow: {_names(flat)}"
        return "fail", said, f"jobs.{name}.retries: {{backoff: exponential}}", scene.place("jobs", name, "retries")
    return "ok", f"the delays between retries grow, in all {len(scene.jobs)} job types that have several", "", ""


def _grows(retries: RetryPolicy) -> bool:
    if retries.delays_ms:
        return len(retries.delays_ms) > 1 and retries.delays_ms[-1] > retries.delays_ms[0]
    return retries.backoff == "exponential" and retries.max_delay_ms > retries.delay_ms


def _time_limits(scene: _Scene) -> Finding:
    long = [job for job in scene.jobs if job.timeout_ms > LONG_MS]
    if long:
        name = long[0].name
        said = f"a run may take longer than a day: {_names(long)}"
        return "fail", said, f"jobs.{name}.timeout: 1h", scene.place("jobs", name, "timeout")
    longest = max(scene.jobs, key=lambda job: job.timeout_ms, default=None)
    told = "" if longest is None else f"; the longest is {format_duration(longest.timeout_ms)}, of {longest.name}"
    return "ok", f"every job type has one{told}", "", ""


def _http_limits(scene: _Scene) -> Finding:
    requests = [job for job in scene.jobs if job.handler.kind == HTTP]
    free = [job for job in requests if not (job.rate_limit or scene.catalog.queue(job.queue).rate_limit)]
    if free:
        name = free[0].name
        said = f"nothing limits how often they send requests: {_names(free)}"
        return "fail", said, f"jobs.{name}.rate_limit: 10/s", scene.place("jobs", name)
    return "ok", f"all {len(requests)} have one" if requests else "no job type sends requests", "", ""


def _critical(scene: _Scene) -> Finding:
    marked = [job for job in scene.jobs if job.critical]
    if not marked:
        said = "no job type is marked as critical, so nobody knows which may not run twice"
        return "fail", said, "jobs.NAME.critical: true", scene.place("jobs")
    open_ = [job for job in marked if not _harmless(job)]
    if open_:
        name = open_[0].name
        said = f"critical, and nothing says that a second run does no harm: {_names(open_)}"
        fix = f'jobs.{name}.unique: {{key: "{{{{ … }}}}", until: finished}}, or idempotent: true'
        return "fail", said, fix, scene.place("jobs", name)
    return (
        "ok",
        f"all {len(marked)} critical types have a unique key, send an idempotency key or are idempotent",
        "",
        "",
    )


def _harmless(job: JobType) -> bool:
    """A request carries an `Idempotency-Key` that is the same for each run."""
    return job.unique is not None or job.idempotent or job.handler.kind == HTTP


def _cores(scene: _Scene) -> Finding:
    cores = scene.store.processes.cores()
    workers = [row for row in scene.processes if row.kind == "worker"]
    if not workers:
        return "unknown", "no worker is running", "jobctl worker", ""
    known = [(row, cores[row.name]) for row in workers if row.name in cores]
    told = listed(
        f"{row.name}: {row.processes} processes of {row.threads} threads on {count} cores" for row, count in known
    )
    for row, count in known:
        if row.processes > PROCESSES_A_CORE * count:
            return "fail", told, f"jobctl worker --processes {count}", ""
        if row.processes < count // 2:
            return "fail", f"{told}: some cores have nothing to do", f"jobctl worker --processes {count}", ""
    return ("ok", told, "", "") if known else ("unknown", "the workers do not say how many cores they have", "", "")


def _spares(scene: _Scene) -> Finding:
    workers = sum(row.kind == "worker" for row in scene.processes)
    schedulers = sum(row.kind == "scheduler" for row in scene.processes)
    needed = bool(scene.catalog.schedules or scene.catalog.alerts)
    told = f"{workers} workers, {schedulers} schedulers"
    if workers < 2:
        return "fail", told, "jobctl worker", ""
    if needed and schedulers < 2:
        return "fail", told, "jobctl scheduler", ""
    return "ok", told if needed else f"{workers} workers; no schedules and no alerts, so no scheduler is needed", "", ""


_ALERTS = {
    "waiting": "alerts.backlog: {when: waiting > 1000, for: 5m, command: [notify, \"{{ summary }}\"]}",
    "latency": "alerts.slow: {when: latency > 5m, command: [notify, \"{{ summary }}\"]}",
    "dead": "alerts.dead-letters: {when: dead > 0, command: [notify, \"{{ summary }}\"]}",
}  # fmt: skip


def _alerts(scene: _Scene) -> Finding:
    watched = {alert.measure for alert in scene.catalog.alerts.values()}
    missing = [measure for measure in _ALERTS if measure not in watched]
    if missing:
        said = f"no alert on {', '.join(missing)}" + (f"; there are on {', '.join(sorted(watched))}" if watched else "")
        return "fail", said, _ALERTS[missing[0]], scene.place("alerts")
    kept = scene.store.alerts.all(clock.now_ms())
    failing = [name for name in scene.catalog.alerts if name in kept and kept[name].failing is not None]
    if failing:
        return "fail", f"who is to be told is not: {listed(failing)}", f"jobctl alert test {failing[0]}", ""
    return "ok", f"{len(scene.catalog.alerts)} alerts, on {', '.join(sorted(watched))}", "", ""


def _attention(scene: _Scene) -> Finding:
    """Whether someone has looked after dead letters lately."""
    dead = sum(row.dead or 0 for row in scene.store.queues.depth(scene.store.queues.names()))
    since = clock.to_datetime(clock.now_ms()) - WEEK
    acts = [one for one in scene.store.audit.recent(AUDITED) if one.action.startswith("dead ") and one.at >= since]
    notes = [note for note in scene.store.notes.all().values() if clock.to_datetime(note.at) >= since]
    if acts or notes:
        last = f", last by {acts[0].who} at {clock.iso(clock.to_ms(acts[0].at))}" if acts else ""
        return "ok", f"{len(acts)} changes and {len(notes)} notes in the last week{last}; {dead} dead letters", "", ""
    if not dead:
        return "ok", "there are no dead letters", "", ""
    return (
        "fail",
        f"{dead} dead letters, and nobody retried, discarded or noted any in a week",
        "jobctl dead groups",
        "",
    )


def _redaction(scene: _Scene) -> Finding:
    for job in scene.jobs:
        if found := exposed(job):
            said = (
                f"{listed(f'`{key}` of {job.name}' for key in found)}: by its name a secret, and shown in {_where(job)}"
            )
            return "fail", said, f"jobs.{job.name}.redact: [{', '.join(found)}]", scene.place("jobs", job.name)
    hidden = sum(bool(job.redact) for job in scene.jobs)
    said = f"no payload key that sounds like a secret is shown; {hidden} of {len(scene.jobs)} job types redact some"
    return "ok", said, "", ""


def _where(job: JobType) -> str:
    return "labels, lists and logs" if job.label else "lists and logs"


def _persistence(scene: _Scene) -> Finding:
    rows = [row for row in server.state(scene.store) if row.check in ("durability", "eviction")]
    wrong = [row for row in rows if row.status != "ok"]
    told = "; ".join(row.found for row in rows)
    if not wrong:
        return "ok", told, "", ""
    state = "unknown" if all(server.CANNOT_TELL in row.found for row in wrong) else "fail"
    return state, told, wrong[0].advice, ""


def _drain(scene: _Scene) -> Finding:
    found = ends(scene.store)
    drained, lost = found.get("drained"), found.get("lost")
    fix = "stop workers by SIGTERM, and give them longer than their --grace before SIGKILL"
    if lost is not None and (drained is None or lost[0] > drained[0]):
        return (
            "fail",
            f"the worker that ended last, {lost[1]}, was lost at {clock.iso(lost[0])}: it did not drain",
            fix,
            "",
        )
    if drained is None:
        return "unknown", "no worker has ended yet", "restart one: `jobctl worker stop NAME`", ""
    return "ok", f"the worker that ended last, {drained[1]}, drained at {clock.iso(drained[0])}", "", ""


WEEK_MS = round(WEEK.total_seconds() * 1000)
LINES: tuple[tuple[str, Callable[[_Scene], Finding]], ...] = (
    ("dead letters are kept", _dead_letters),
    ("exponential back-off", _backoff),
    ("time limits", _time_limits),
    ("rate limits on http types", _http_limits),
    ("critical types may run twice", _critical),
    ("concurrency against cores", _cores),
    ("more than one worker and scheduler", _spares),
    ("alerts on depth, latency, dead letters", _alerts),
    ("someone looks after dead letters", _attention),
    ("secrets are redacted", _redaction),
    ("Redis keeps what it accepts", _persistence),
    ("workers drain on SIGTERM", _drain),
)
"""The lines, in the order in which they are shown."""


def _names(things: Iterable[JobType | object]) -> str:
    return listed(str(getattr(one, "name", one)) for one in things)
