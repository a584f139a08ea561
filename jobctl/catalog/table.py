"""The catalog's keys: what each is called, how it is read, what it means. Loader and schema share it."""

from __future__ import annotations

from jobctl.catalog.alerts import parse_when
from jobctl.catalog.fields import Boolean, Choice, Integer, NumberOr, Text
from jobctl.catalog.hooks import EVENTS, HOOK
from jobctl.catalog.kinds import KINDS
from jobctl.catalog.model import MAX_PRIORITY, PRIORITIES
from jobctl.catalog.readers import (
    DAY,
    DELAY,
    DURATION,
    FAILURE,
    INDEX,
    INTERVAL,
    MEMORY,
    MOMENT,
    NAME,
    QUEUE_NAME,
    RATE,
    REDACT,
    SIZE,
    TARGET,
    TEMPLATE,
)
from jobctl.catalog.shapes import Either, Field, ListOf, MapOf, Object
from jobctl.catalog.values import Json, PayloadSchema

_HANDLERS = {name: kind.field() for name, kind in KINDS.items()}

RETRIES = Object(
    {
        "max": Field(Integer(0, 1000), "How many retries after the first run: 3 means at most four runs."),
        "backoff": Field(Choice(("exponential", "linear", "fixed")), "How the delay grows from retry to retry."),
        "delay": Field(DELAY, "The first delay."),
        "max_delay": Field(DELAY, "The longest delay."),
        "jitter": Field(Boolean(), "Whether delays are spread at random, so that failures do not return together."),
        "delays": Field(
            ListOf(DELAY, "a list of durations", 1),
            "Each delay in turn, instead of a back-off; the last one is repeated.",
        ),
        "on": Field(ListOf(FAILURE, "a list of failures"), "Retry only these failures."),
        "never_on": Field(ListOf(FAILURE, "a list of failures"), "Never retry these failures; wins over `on`."),
    },
    "a mapping such as `{max: 3, delay: 5s}`",
)

KEEP = Object(
    {
        "completed": Field(DELAY, "How long completed jobs are kept with their result."),
        "count": Field(Integer(0, 10_000_000), "How many completed jobs are kept at most."),
        "dead": Field(DELAY, "How long dead letters are kept; for ever if not given."),
        "dead_count": Field(Integer(0, 10_000_000), "How many dead letters are kept at most; all if not given."),
    },
    "a mapping such as `{completed: 24h, count: 100000}`",
)

PRIORITY = NumberOr(Integer(-MAX_PRIORITY, MAX_PRIORITY), PRIORITIES)

RATE_LIMIT = Either(
    "a rate such as `100/m`, or a mapping with `rate`",
    scalar=RATE,
    mapping=Object(
        {
            "rate": Field(RATE, "How many may start per period: 100/m, 5/s, 10/5m.", required=True),
            "key": Field(TEMPLATE, "Count each value of this template separately."),
            "burst": Field(Integer(1, 1_000_000), "With a smooth window: how many may start at once; 1 if not given."),
            "window": Field(
                Choice(("smooth", "fixed", "sliding")),
                "smooth: evenly spread; fixed: per clock period; sliding: in any period. smooth if not given.",
            ),
        },
        rule={
            "if": {"properties": {"window": {"enum": ["fixed", "sliding"]}}, "required": ["window"]},
            "then": {"not": {"required": ["burst"]}},
        },
    ),
)
CONCURRENCY = Either(
    "a number, or a mapping with `max`",
    scalar=Integer(1, 1_000_000),
    mapping=Object(
        {
            "max": Field(Integer(1, 1_000_000), "How many may run at once, anywhere.", required=True),
            "key": Field(TEMPLATE, "Count each value of this template separately."),
        }
    ),
)
UNIQUE = Object(
    {
        "key": Field(TEMPLATE, "Jobs of the type with the same rendered key are duplicates.", required=True),
        "for": Field(DURATION, "How long the key is held, from enqueue."),
        "until": Field(
            Choice(("started", "finished")),
            "Instead of `for`: until the job is started or finished; finished if not given.",
        ),
        "on_conflict": Field(
            Choice(("skip", "fail", "replace", "extend")),
            "What to do with a second job with the key; skip if not given.",
        ),
        "hold_when_dead": Field(Boolean(), "Whether a dead job keeps its key; false if not given."),
    },
    "a mapping with `key`",
    rule={
        "not": {"required": ["for", "until"]},
        "if": {"properties": {"on_conflict": {"const": "extend"}}, "required": ["on_conflict"]},
        "then": {"required": ["for"]},
    },
)
ALERT = Object(
    {
        "when": Field(
            Text("a condition such as `latency > 5m`", parse=parse_when),
            "The condition: dead, latency, waiting, failure_rate, late or memory above a limit, or workers below one.",
            required=True,
        ),
        "filter": Field(Text("a filter such as `queue:email`"), "Whose queues or job types; all if not given."),
        "for": Field(DELAY, "How long it must hold before someone is told; 0s if not given."),
        "repeat": Field(DURATION, "After how long someone is told again while it holds; never if not given."),
        "window": Field(DURATION, "The time that `failure_rate` looks at; 5m if not given."),
        "command": _HANDLERS["command"],
        "http": _HANDLERS["http"],
        "job": Field(NAME, "The job type to enqueue."),
        "payload": Field(Json(mapping=True), "The payload of that job, which may hold templates."),
    },
    "a mapping with `when`, and one of `command`, `http` and `job`",
    rule={"oneOf": [{"required": [kind]} for kind in ("command", "http", "job")]},
)

DEFAULTS = Object(
    {
        "timeout": Field(DURATION, "How long one run may take."),
        "retries": Field(RETRIES, "How failed runs are retried."),
        "keep": Field(KEEP, "How long queues keep finished jobs and dead letters."),
        "queue": Field(QUEUE_NAME, "The queue of job types without `queue`."),
        "priority": Field(PRIORITY, "high, normal, low, or a number from -1000 (first) to 1000 (last)."),
    }
)

QUEUE = Object(
    {
        "keep": Field(KEEP, "How long this queue's finished jobs and dead letters are kept."),
        "rate_limit": Field(RATE_LIMIT, "How many jobs of the queue may start per period."),
        "concurrency": Field(CONCURRENCY, "How many jobs of the queue may run at once."),
    }
)

JOB = Object(
    {
        **_HANDLERS,
        "queue": Field(QUEUE_NAME, "The queue that the job type belongs to."),
        "payload": Field(PayloadSchema(), "The JSON Schema of the payload, which is an object."),
        "retries": Field(RETRIES, "How failed runs are retried; missing keys come from `defaults`."),
        "timeout": Field(DURATION, "How long one run may take."),
        "priority": Field(PRIORITY, "high, normal, low, or a number from -1000 (first) to 1000 (last)."),
        "label": Field(TEMPLATE, "A template for a short text that identifies a job."),
        "unique": Field(UNIQUE, "Which jobs are duplicates, and what to do with them."),
        "rate_limit": Field(RATE_LIMIT, "How many may start per period."),
        "concurrency": Field(CONCURRENCY, "How many may run at once."),
        "expires": Field(DURATION, "How long a job may take in all, from its enqueue."),
        **{f"on_{event}": Field(HOOK, f"The job to enqueue when a job is {event}.") for event in EVENTS},
        "critical": Field(Boolean(), "Whether `doctor --checklist` asks that a second run does no harm; false if not."),
        "idempotent": Field(
            Boolean(), "Whether a second run does no harm, as the job's code sees to it; false if not."
        ),
        "isolate": Field(Boolean(), "Whether a `python` job runs in its own process, which can be killed."),
        "memory": Field(MEMORY, "How much memory an isolated job's process may use."),
        "redact": Field(ListOf(REDACT, "a list of payload keys"), "Payload keys whose values are never shown."),
        "index": Field(ListOf(INDEX, "a list of payload keys"), "Payload keys by whose values jobs are found at once."),
    },
    f"a mapping with one of {', '.join(KINDS)}",
    misplaced={
        "keep": "`keep` is per queue: put it under `queues.NAME` or `defaults`",
        **{key: hint for kind in KINDS.values() for key, hint in kind.misplaced.items()},
        "cron": "set when a job runs under `schedules`",
        "every": "set when a job runs under `schedules`",
    },
    rule={
        "oneOf": [{"required": [kind]} for kind in KINDS],
        "if": {"properties": {"isolate": {"const": True}}, "required": ["isolate"]},
        "then": {"anyOf": [{"required": [kind.name]} for kind in KINDS.values() if kind.isolates]},
        "else": {"not": {"required": ["memory"]}},
    },
)

DATE_FILE = Object(
    {
        "file": Field(
            Text("a file's path", pattern=r"^[^\n]+$"),
            "A file of dates, one a line; a relative path counts from the catalog's folder.",
            required=True,
        )
    },
    "`{file: PATH}`",
)
SCHEDULE = Object(
    {
        "job": Field(NAME, "The job type to enqueue.", required=True),
        "cron": Field(
            Text("a cron expression"),
            "Five fields: minute, hour, day, month, weekday (0 and 7: Sunday); six: seconds first; or `@daily`.",
        ),
        "every": Field(INTERVAL, "The time between two jobs."),
        "anchor": Field(MOMENT, "A time at which `every` is due; the other ticks are counted from it."),
        "at": Field(
            Either("a time or a list of times", scalar=MOMENT, list=ListOf(MOMENT, "a list of times", 1)),
            "One time or several at which a job is enqueued.",
        ),
        "timezone": Field(Text("a time zone's name"), "The zone that times and dates are read in; UTC if not given."),
        "start": Field(MOMENT, "The first time at which it may be due."),
        "end": Field(MOMENT, "The last time at which it may be due; for a date, the end of that day."),
        "exclude": Field(
            Either(
                "a list of dates, or `{file: PATH}`",
                list=ListOf(DAY, "a list of dates"),
                mapping=DATE_FILE,
            ),
            "Dates on which it is not due.",
        ),
        "jitter": Field(
            DURATION, "Each job starts up to this much after its tick, so that jobs do not all start together."
        ),
        "payload": Field(Json(mapping=True), "The payload of each job."),
        "catch_up": Field(Choice(("none", "latest", "all")), "Which missed ticks to catch up on; none if not given."),
        "window": Field(DURATION, "How old a missed tick may be to be caught up; 24h if not given."),
        "overlap": Field(
            Choice(("allow", "skip", "queue", "cancel-running")),
            "What to do with a tick while the job of an earlier one has not ended; allow if not given.",
        ),
        "pause_on_failure": Field(Integer(1, 1000), "Pause the schedule after so many dead jobs in a row."),
        "heartbeat": Field(Text("a URL"), "A URL that is requested (GET) after each job that completed."),
        "tolerance": Field(DURATION, "How late a tick may be before `schedule check` fails; 1m if not given."),
        "was": Field(NAME, "What the schedule was called before: it goes on where that one stands."),
    },
    "a mapping with `job` and one of `cron`, `every`, `at`",
    rule={
        "oneOf": [{"required": [kind]} for kind in ("cron", "every", "at")],
        "dependentRequired": {"anchor": ["every"]},
        "if": {
            "required": ["every"],
            "not": {"anyOf": [{"required": [key]} for key in ("anchor", "start", "end", "exclude")]},
        },
        "then": {"not": {"required": ["timezone"]}},
    },
)

MIDDLEWARE = Either(
    "`module:name`, or a mapping with `use`",
    scalar=TARGET,
    mapping=Object(
        {
            "use": Field(TARGET, "A Dramatiq middleware, its class, or a function that returns one.", required=True),
            "options": Field(Json(mapping=True), "What the class or the function is called with."),
        },
        "a mapping such as `{use: module:Class, options: {...}}`",
    ),
)
WORKER = Object(
    {
        "lifespan": Field(
            TARGET,
            "A context manager, async or plain, that each worker process enters before its first job and leaves after "
            "its last; what it yields is `jobctl.current().resources`.",
        ),
        "max_block": Field(
            DURATION,
            "How long an async job may block the event loop of its process before it is interrupted; 10s if not given.",
        ),
        "middleware": Field(
            ListOf(MIDDLEWARE, "a list of middleware"),
            "Dramatiq middleware that `jobctl worker` runs jobs with, in this order, after jobctl's own.",
        ),
    }
)

CATALOG = Object(
    {
        "version": Field(Integer(1, 1), "The version of this format: 1.", required=True),
        "namespace": Field(NAME, "What every key in Redis starts with; `jobctl` if not given."),
        "defaults": Field(DEFAULTS, "Defaults of jobs and queues."),
        "queues": Field(MapOf(QUEUE, QUEUE_NAME), "Settings of queues; a queue need not be listed."),
        "jobs": Field(MapOf(JOB, NAME), "The job types: what may run."),
        "schedules": Field(MapOf(SCHEDULE, NAME), "When jobs are enqueued automatically."),
        "worker": Field(WORKER, "Settings of worker processes."),
        "alerts": Field(MapOf(ALERT, NAME), "Conditions, and who is told when they hold."),
        "traces": Field(Boolean(), "Whether OpenTelemetry traces jobs, from enqueue to attempts; false if not."),
        "max_payload": Field(SIZE, "The largest payload, as JSON; 256KiB if not given."),
        "unknown_after": Field(DURATION, "How long a job waits if no worker knows its type; then it is dead."),
    },
    "a mapping that starts with `version: 1`",
)
