"""The one filter grammar: `queue:email state:dead error~timeout args.user=42 since:2h`.

Several values of one key are alternatives; different keys must all hold. `queue:`, `job:`, `label:` and `args.KEY=`
take `*` as a wildcard. `error~text` is found anywhere in the error's class and the first 500 characters of its message,
whatever its case; `error~/pattern/` is a regular expression. `args.KEY=` compares a payload's value as text
(`args.a.b=` looks inside objects).
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from jobctl import clock
from jobctl.errors import Refused, UsageError
from jobctl.ops.when import parse_past
from jobctl.redaction import is_hidden
from jobctl.store.data.states import STATES

KEYS = ("queue", "job", "state", "error", "group", "label", "id", "since", "until", "args")
GROUP_PREFIX = 4
"""The fewest characters that name a group."""
SPELLINGS = "queue: job: state: error~ group: args.KEY= label: since: until: id:"
_TERM = re.compile(r"(?P<key>args\.[^=:~]+|[A-Za-z_-]+)(?P<sign>[:=~])(?P<value>.*)", re.DOTALL)
_MOMENTS = ("at", "died_at", "finished_at", "started_at", "enqueued_at")


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. Empty tuples and None hold for everything. `args` maps a key to its alternatives."""

    queue: tuple[str, ...] = ()
    job: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since_ms: int | None = None
    until_ms: int | None = None
    unseen: Counter[str] = field(default_factory=Counter, compare=False)
    """Counts the records that hide a value that is asked for, and therefore do not match: see `refusals`."""

    @property
    def is_empty(self) -> bool:
        """Whether everything matches."""
        return not any(getattr(self, f.name) not in ((), {}, None) for f in fields(self) if f.compare)

    def matches(self, record: Any) -> bool:
        """Whether a job, dead letter, group or event matches. What a record lacks or hides, it cannot match."""
        return (
            _named(self.queue, _get(record, "queue"))
            and _named(self.job, _get(record, "type"))
            and _one_of(self.state, _get(record, "state"))
            and _begins(self.group, _get(record, "group"))
            and _one_of(self.ids, _get(record, "id"))
            and _named(self.label, _get(record, "label"))
            and self._in_time(record)
            and self._error_matches(record)
            and self._args_match(_get(record, "payload"))
        )

    def _in_time(self, record: Any) -> bool:
        if self.since_ms is None and self.until_ms is None:
            return True
        moment = next((m for name in _MOMENTS if isinstance(m := _get(record, name), datetime)), None)
        if moment is None:
            return False
        ms = clock.to_ms(moment)
        return (self.since_ms or 0) <= ms and (self.until_ms is None or ms < self.until_ms)

    def _error_matches(self, record: Any) -> bool:
        if not self.error:
            return True
        error, message = _get(record, "error"), _get(record, "message")
        if error is None and message is None:
            return False
        text = f"{error or ''}: {message or ''}"
        return any(_pattern(wanted).search(text) for wanted in self.error)

    def _args_match(self, payload: Any) -> bool:
        return all(_named(values, _as_text(self._visible(payload, key))) for key, values in self.args.items())

    def _visible(self, payload: Any, key: str) -> Any:
        """The value of a key. A filter cannot ask for a redacted one: someone who may not see it could guess it that
        way."""
        value = _dig(payload, key)
        if not is_hidden(value):
            return value
        self.unseen[key] += 1
        return _ABSENT

    def refusals(self) -> list[Refused]:
        """What to report at the end about records that hide what the filter asked for."""
        return [_hidden(key, count) for key, count in self.unseen.items()]


def parse(terms: Iterable[str], *, now_ms: int | None = None) -> Filter:
    """The filter that these terms make, one term an argument. Raises UsageError with the nearest key."""
    found: dict[str, list[str]] = {}
    args: dict[str, list[str]] = {}
    for term in terms:
        key, value = _split(term)
        if key.startswith("args."):
            args.setdefault(key.removeprefix("args."), []).append(value)
        else:
            found.setdefault(key, []).append(value)
    for state in found.get("state", ()):
        if state not in STATES:
            raise UsageError(f"no such state: {state!r}", _near(state, STATES, ", ".join(STATES)))
    for group in found.get("group", ()):
        if len(group) < GROUP_PREFIX:
            raise UsageError(f"group {group!r} is too short", f"give at least {GROUP_PREFIX} of its characters")
    for pattern in found.get("error", ()):
        _pattern(pattern)
    since, until = (_moment(key, found.get(key, ()), now_ms) for key in ("since", "until"))
    if since is not None and until is not None and since >= until:
        raise UsageError("since: is not before until:, so nothing can match")
    named: dict[str, Any] = {
        key: tuple(found.get(key, ())) for key in ("queue", "job", "state", "error", "group", "label")
    }
    return Filter(
        **named,
        ids=tuple(found.get("id", ())),
        args={key: tuple(values) for key, values in args.items()},
        since_ms=since,
        until_ms=until,
    )


def _split(term: str) -> tuple[str, str]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise UsageError(f"{term[:100]!r} is not a filter", f"write {SPELLINGS}")
    key, sign, value = match["key"], match["sign"], match["value"]
    plain = "args" if key.startswith("args.") else key
    if plain not in KEYS or key == "args":
        raise UsageError(f"no such filter: {key}{sign}", _near(plain, KEYS))
    right = {"error": "~", "args": "="}.get(plain, ":")
    if sign != right:
        raise UsageError(f"{term[:100]!r} is not a filter", f"write {key}{right}{value[:50]}")
    if not value and plain != "args":
        raise UsageError(f"{key}{sign} needs a value")
    return key, value


def _moment(key: str, values: Sequence[str], now_ms: int | None) -> int | None:
    if len(values) > 1:
        raise UsageError(f"{key}: can be given once")
    return parse_past(values[0], now_ms=now_ms) if values else None


def _near(word: str, known: Iterable[str], spellings: str = SPELLINGS) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    if not close:
        return f"write {spellings}"
    sign = {"error": "~", "args": ".KEY="}.get(close[0], ":")
    return f"did you mean {close[0]}{sign if close[0] in KEYS else ''}?"


def _pattern(text: str) -> re.Pattern[str]:
    regular = len(text) > 2 and text.startswith("/") and text.endswith("/")
    try:
        return re.compile(text[1:-1] if regular else re.escape(text), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{text!r} is not a regular expression: {error}") from None


def _get(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)


def _one_of(wanted: tuple[str, ...], value: Any) -> bool:
    return not wanted or value in wanted


def _begins(wanted: tuple[str, ...], value: Any) -> bool:
    """A group may be given by its first characters, as people copy them."""
    return not wanted or (isinstance(value, str) and value.startswith(wanted))


def _named(wanted: tuple[str, ...], value: Any) -> bool:
    if not wanted:
        return True
    if not isinstance(value, str):
        return False
    return any(value == w or ("*" in w and fnmatch.fnmatchcase(value, _only_stars(w))) for w in wanted)


def _only_stars(text: str) -> str:
    """fnmatch also reads `?` and `[`; here only `*` is special."""
    return re.sub(r"[?\[]", lambda match: f"[{match[0]}]", text)


_ABSENT = object()


def _hidden(key: str, count: int) -> Refused:
    left = f"{count:,} job{'s hide' if count != 1 else ' hides'} it and {'are' if count != 1 else 'is'} left out"
    return Refused(f"args.{key}= filters by a value that is redacted: {left}", "--unredacted lets it be seen")


def masked(words: Iterable[str]) -> str:
    """What was typed, without the values of payloads that it asks for."""
    return " ".join(word.partition("=")[0] + "=…" if word.startswith("args.") else word for word in words)


def _dig(payload: Any, key: str) -> Any:
    """The value of a key, which may itself contain dots, or of a path into nested objects."""
    if not isinstance(payload, Mapping):
        return payload if is_hidden(payload) else _ABSENT
    if key in payload:
        return payload[key]
    head, dot, rest = key.partition(".")
    return _dig(payload.get(head, _ABSENT), rest) if dot else _ABSENT


def _as_text(value: Any) -> str | None:
    """A payload's value as one would type it: text bare, everything else as JSON. None if it is not there."""
    if value is _ABSENT:
        return None
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
