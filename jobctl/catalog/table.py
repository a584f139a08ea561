"""The catalog's keys: what each is called, how it is read, what it means. Loader and schema share it."""

from __future__ import annotations

from jobctl.catalog.fields import Boolean, Choice, Integer, NumberOr, Text
from jobctl.catalog.model import MAX_PRIORITY, PRIORITIES
from jobctl.catalog.shapes import Either, Field, ListOf, MapOf, Object
from jobctl.catalog.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_rate,
    parse_size,
)
from jobctl.catalog.values import Json, PayloadSchema
from jobctl.redaction import MAX_PATTERN

HANDLERS = ("python", "command", "http", "actor")
MIN_MEMORY = 32_000_000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

_NAME = "[A-Za-z_][A-Za-z0-9._-]{0,127}"
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*"
_FAILURE = rf"^(exit:[0-9]{{1,3}}|http:[1-5]([0-9][0-9]|xx)|{_DOTTED})$"
_NAME_RULE = "letters, digits and `. _ -` after a letter or `_`, at most 128"


def _above_zero(text: str) -> int:
    if (ms := parse_duration(text)) == 0:
        raise ValueError("expected a duration above zero")
    return ms


def _whole_second(text: str) -> int:
    if (ms := parse_duration(text)) < 1000:
        raise ValueError(f"expected at least `1s`, found `{text}`")
    return ms


def _size(text: str) -> int:
    if (size := parse_size(text)) == 0:
        raise ValueError("expected a size above zero")
    return size


def _memory(text: str) -> int:
    if (size := parse_size(text)) < MIN_MEMORY:
        raise ValueError(f"expected at least `32MB`, which the interpreter itself needs, found `{text}`")
    return size


def _queue(text: str) -> str:
    """Dramatiq's suffixes and reserved names cannot be queues: their keys would be other queues' keys."""
    if text.endswith((".DQ", ".XQ", ".msgs")) or text.startswith("__"):
        raise ValueError(f"a queue's name cannot start with `__` or end in .DQ, .XQ or .msgs, found `{text}`")
    return text


def _redact(text: str) -> str:
    if not all(part.strip() for part in text.split(".")) or len(text) > MAX_PATTERN:
        raise ValueError(f"expected payload keys joined by dots, at most {MAX_PATTERN} characters, found `{text[:60]}`")
    return text


_DURATION = "a duration such as `30s`, `5m` or `1h30m`"
DELAY = Text(_DURATION, parse=parse_duration, extra={"pattern": DURATION_PATTERN})
DURATION = Text(_DURATION, parse=_above_zero, extra={"pattern": DURATION_PATTERN})
INTERVAL = Text(_DURATION, parse=_whole_second, extra={"pattern": DURATION_PATTERN})
MEMORY = Text("a size such as `512MB`", parse=_memory, extra={"pattern": SIZE_PATTERN})
SIZE = Text("a size such as `256KiB`", parse=_size, extra={"pattern": SIZE_PATTERN})
RATE = Text("a rate such as `100/m`", parse=parse_rate, extra={"pattern": RATE_PATTERN})
NAME = Text(f"a name ({_NAME_RULE})", pattern=f"^{_NAME}$")
QUEUE_NAME = Text(f"a queue's name ({_NAME_RULE})", pattern=f"^{_NAME}$", parse=_queue)
TEMPLATE = Text("text, which may be a template")
ARGUMENT = Text("text", verbatim=True)
TARGET = Text("`module:name`", pattern=rf"^{_DOTTED}:{_DOTTED}$")
FAILURE = Text("an exception's class, `exit:N`, `http:N`, `http:5xx` or `timeout`", pattern=_FAILURE)
REDACT = Text("a payload key such as `to`, `card.number` or `*.password`", parse=_redact)
ENV_NAME = Text("an environment variable's name", pattern=f"^{_IDENTIFIER}$")
HEADER_NAME = Text("a header's name", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

EXTERNAL = Object(
    {
        "env": Field(ENV_NAME, "The environment variable that holds the value when the job runs."),
        "file": Field(Text("a file's path", pattern=r"^[^\n]+$"), "The file that holds the value when the job runs."),
    },
    "`{env: NAME}` or `{file: PATH}`",
    rule={"minProperties": 1, "maxProperties": 1},
)
SECRET = Either("text, `{env: NAME}` or `{file: PATH}`", scalar=ARGUMENT, mapping=EXTERNAL)

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
    },
    "a mapping such as `{completed: 24h, count: 100000}`",
)

PRIORITY = NumberOr(Integer(-MAX_PRIORITY, MAX_PRIORITY), PRIORITIES)

COMMAND = Either(
    "a list of arguments, or a mapping with `args`",
    list=ListOf(ARGUMENT, "a list of arguments", 1),
    mapping=Object(
        {
            "args": Field(
                ListOf(ARGUMENT, "a list of arguments", 1),
                "The program and its arguments; never a shell line. Arguments may be templates.",
                required=True,
            ),
            "env": Field(MapOf(SECRET, ENV_NAME), "Environment variables to add; values may be templates."),
            "cwd": Field(TEMPLATE, "The folder to run in; may be a template."),
        }
    ),
)

HTTP = Object(
    {
        "url": Field(
            TEMPLATE,
            "An absolute http(s) URL. Path and query may be templates, host and port not.",
            required=True,
        ),
        "method": Field(Choice(METHODS), "The request's method; POST if not given."),
        "headers": Field(MapOf(SECRET, HEADER_NAME), "Headers; values may be templates."),
        "json": Field(Json(), "The body as JSON; strings inside may be templates."),
        "body": Field(TEMPLATE, "The body as text; may be a template."),
        "timeout": Field(DURATION, "How long one request may take; 30s if not given."),
    },
    "a mapping with `url`",
    rule={"not": {"required": ["json", "body"]}},
)

RATE_LIMIT = Either(
    "a rate such as `100/m`, or a mapping with `rate`",
    scalar=RATE,
    mapping=Object(
        {
            "rate": Field(RATE, "How many may start in which time: 100/m, 5/s, 10/5m.", required=True),
            "key": Field(TEMPLATE, "A limit of its own for each value of this template."),
            "burst": Field(Integer(1, 1_000_000), "Of a smooth window: how many may start at once; 1 if not given."),
            "window": Field(
                Choice(("smooth", "fixed", "sliding")),
                "Evenly spread, by the clock, or in any stretch of the period; smooth if not given.",
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
            "key": Field(TEMPLATE, "A limit of its own for each value of this template."),
        }
    ),
)
UNIQUE = Object(
    {
        "key": Field(TEMPLATE, "Jobs of the type for which this template gives the same are the same.", required=True),
        "for": Field(DURATION, "How long the key is held, from enqueue."),
        "until": Field(Choice(("started", "finished")), "Until when it is held instead; finished if not given."),
        "on_conflict": Field(
            Choice(("skip", "fail", "replace", "extend")), "What becomes of the second job; skip if not given."
        ),
        "hold_when_dead": Field(Boolean(), "Whether a dead job goes on holding its key; false if not given."),
    },
    "a mapping with `key`",
    rule={
        "not": {"required": ["for", "until"]},
        "if": {"properties": {"on_conflict": {"const": "extend"}}, "required": ["on_conflict"]},
        "then": {"required": ["for"]},
    },
)
_ALERT = Object(
    {
        "when": Field(Text(), "The condition.", required=True),
        "for": Field(DURATION, "How long it must hold."),
        "command": Field(COMMAND, "The command to run."),
        "http": Field(HTTP, "The request to send."),
    }
)

DEFAULTS = Object(
    {
        "timeout": Field(DURATION, "How long one run may take."),
        "retries": Field(RETRIES, "How failed runs are repeated."),
        "keep": Field(KEEP, "How long finished jobs are kept, in every queue that does not say."),
        "queue": Field(QUEUE_NAME, "The queue of jobs that do not name one."),
        "priority": Field(PRIORITY, "high, normal, low, or a number from -1000 (first) to 1000 (last)."),
    }
)

QUEUE = Object(
    {
        "keep": Field(KEEP, "How long this queue's finished jobs are kept."),
        "rate_limit": Field(RATE_LIMIT, "How many jobs of the queue may start in a time."),
        "concurrency": Field(CONCURRENCY, "How many jobs of the queue may run at once."),
    }
)

_IN_COMMAND = "put it beside `args`: `command: {args: [...], env: {...}, cwd: ...}`"
JOB = Object(
    {
        "python": Field(TARGET, "A callable, sync or async, called with the payload as keyword arguments."),
        "command": Field(COMMAND, "A command to run."),
        "http": Field(HTTP, "An HTTP request to send."),
        "actor": Field(TARGET, "An existing Dramatiq actor."),
        "queue": Field(QUEUE_NAME, "The queue that the job type belongs to."),
        "payload": Field(PayloadSchema(), "The JSON Schema of the payload, which is an object."),
        "retries": Field(RETRIES, "How failed runs are repeated; what is not given comes from `defaults`."),
        "timeout": Field(DURATION, "How long one run may take."),
        "priority": Field(PRIORITY, "high, normal, low, or a number from -1000 (first) to 1000 (last)."),
        "label": Field(TEMPLATE, "A template for the few words that tell one job from another."),
        "unique": Field(UNIQUE, "Which jobs are the same, and what becomes of the second."),
        "rate_limit": Field(RATE_LIMIT, "How many may start in a time."),
        "concurrency": Field(CONCURRENCY, "How many may run at once."),
        "expires": Field(DURATION, "How long a job has in all, from its enqueue."),
        "isolate": Field(Boolean(), "Whether a `python` job runs in a process of its own, which can be killed."),
        "memory": Field(MEMORY, "How much memory an isolated job's process may use."),
        "redact": Field(ListOf(REDACT, "a list of payload keys"), "Payload keys whose values are never shown."),
    },
    f"a mapping with one of {', '.join(HANDLERS)}",
    misplaced={
        "keep": "`keep` is per queue: put it under `queues.NAME` or `defaults`",
        "env": _IN_COMMAND,
        "cwd": _IN_COMMAND,
        "cron": "when a job runs is said under `schedules`",
        "every": "when a job runs is said under `schedules`",
    },
    rule={
        "oneOf": [{"required": [kind]} for kind in HANDLERS],
        "if": {"properties": {"isolate": {"const": True}}, "required": ["isolate"]},
        "then": {"required": ["python"]},
        "else": {"not": {"required": ["memory"]}},
    },
)

SCHEDULE = Object(
    {
        "job": Field(NAME, "The job type to enqueue.", required=True),
        "cron": Field(Text("a cron expression"), "Five fields: minute, hour, day, month, weekday (0 and 7: Sunday)."),
        "every": Field(INTERVAL, "The time between two jobs."),
        "timezone": Field(Text("a time zone's name"), "The zone that `cron` is read in; UTC if not given."),
        "payload": Field(Json(mapping=True), "The payload of each job."),
        "catch_up": Field(Choice(("none", "latest", "all")), "Which missed ticks are made up for.", later=True),
        "overlap": Field(
            Choice(("allow", "skip", "queue", "cancel-running")), "What to do if one still runs.", later=True
        ),
        "jitter": Field(DURATION, "How far ticks are spread.", later=True),
        "window": Field(DURATION, "How old a missed tick may be.", later=True),
    },
    "a mapping with `job` and one of `cron`, `every`",
    rule={"oneOf": [{"required": ["cron"]}, {"required": ["every"]}], "dependentRequired": {"timezone": ["cron"]}},
)

CATALOG = Object(
    {
        "version": Field(Integer(1, 1), "The version of this format: 1.", required=True),
        "namespace": Field(NAME, "What every key in Redis starts with; `jobctl` if not given."),
        "defaults": Field(DEFAULTS, "What jobs and queues have unless they say otherwise."),
        "queues": Field(MapOf(QUEUE, QUEUE_NAME), "Settings of queues; a queue need not be listed."),
        "jobs": Field(MapOf(JOB, NAME), "The job types: what may run."),
        "schedules": Field(MapOf(SCHEDULE, NAME), "When jobs are enqueued by themselves."),
        "alerts": Field(ListOf(_ALERT), "Whom to tell, and when.", later=True),
        "max_payload": Field(SIZE, "The largest payload, as JSON; 256KiB if not given."),
        "unknown_after": Field(DURATION, "How long a job whose type no worker knows waits before it is dead."),
    },
    "a mapping that starts with `version: 1`",
)
