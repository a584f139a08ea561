"""Readers of what several keys hold: names, durations, sizes, templates, secrets."""

from __future__ import annotations

from datetime import date, datetime

from jobctl import names
from jobctl.catalog.exclusions import is_date
from jobctl.catalog.fields import Text
from jobctl.catalog.report import shown
from jobctl.catalog.shapes import Either, Field, Object
from jobctl.catalog.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_rate,
    parse_size,
)
from jobctl.redaction import MAX_PATTERN

MIN_MEMORY = 32_000_000

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*"
_FAILURE = rf"^(exit:[0-9]{{1,3}}|http:[1-5]([0-9][0-9]|xx)|{_DOTTED})$"


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
        raise ValueError(f"expected at least `32MB`, which Python itself needs, found `{text}`")
    return size


def _redact(text: str) -> str:
    if not all(part.strip() for part in text.split(".")) or len(text) > MAX_PATTERN:
        raise ValueError(f"expected payload keys joined by dots, at most {MAX_PATTERN} characters, found `{text[:60]}`")
    return text


def _index(text: str) -> str:
    if len(text) > MAX_PATTERN:
        raise ValueError(f"expected at most {MAX_PATTERN} characters, found {len(text)}")
    return text


def _moment(text: str) -> date:
    """A date, or a date and time with or without an offset. Raises ValueError."""
    try:
        if is_date(text):
            return date.fromisoformat(text)
        if "T" in text or " " in text:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"expected {_MOMENT}, found {shown(text)}")


def _day(text: str) -> str:
    if not is_date(text):
        raise ValueError(f"expected a date such as `2026-12-25`, found {shown(text)}")
    return text


_MOMENT = "a date or time such as `2026-12-24`, `2026-12-24T18:00` or `2026-12-24T18:00:00+01:00`"
MOMENT = Text(_MOMENT, parse=_moment)
DAY = Text("a date such as `2026-12-25`", parse=_day)
_DURATION = "a duration such as `30s`, `5m` or `1h30m`"
DELAY = Text(_DURATION, parse=parse_duration, extra={"pattern": DURATION_PATTERN})
DURATION = Text(_DURATION, parse=_above_zero, extra={"pattern": DURATION_PATTERN})
INTERVAL = Text(_DURATION, parse=_whole_second, extra={"pattern": DURATION_PATTERN})
MEMORY = Text("a size such as `512MB`", parse=_memory, extra={"pattern": SIZE_PATTERN})
SIZE = Text("a size such as `256KiB`", parse=_size, extra={"pattern": SIZE_PATTERN})
RATE = Text("a rate such as `100/m`", parse=parse_rate, extra={"pattern": RATE_PATTERN})
NAME = Text(f"a name ({names.NAME_RULE})", pattern=f"^{names.NAME}$")
QUEUE_NAME = Text(f"a queue's name ({names.NAME_RULE})", pattern=f"^{names.NAME}$", parse=names.check_queue)
TEMPLATE = Text("text, which may be a template")
ARGUMENT = Text("text", verbatim=True)
TARGET = Text("`module:name`", pattern=rf"^{_DOTTED}:{_DOTTED}$")
FAILURE = Text("an exception's class, `exit:N`, `http:N`, `http:5xx` or `timeout`", pattern=_FAILURE)
INDEX = Text(
    "a payload key such as `order_id` or `customer.id`", pattern=r"^[^\s|\"\\.]+(\.[^\s|\"\\.]+)*$", parse=_index
)
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
