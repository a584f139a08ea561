"""The filter grammar, and moments as people type them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.ops.filters import Filter, parse
from jobctl.ops.when import parse_at, parse_delay, parse_past

NOW = clock.to_ms(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
NEW_YORK = ZoneInfo("America/New_York")


def record(**values: object) -> dict[str, object]:
    return {
        "id": "j1",
        "type": "send-email",
        "queue": "email",
        "state": "dead",
        "label": "order 7",
        "group": "a1f3",
        "error": "TimeoutError",
        "message": "smtp.example.com did not answer",
        "payload": {"user": 42, "to": "a@b", "deep": {"x": True}, "dot.ted": 1},
        "died_at": clock.to_datetime(NOW - 3_600_000),
    } | values


@pytest.mark.parametrize(
    "terms",
    [
        [],
        ["queue:email"],
        ["queue:other", "queue:email"],
        ["queue:em*", "job:send-*"],
        ["state:dead", "error~timeout"],
        ["error~ANSWER"],
        ["error~/^timeout.*answer$/"],
        ["group:a1f3", "id:j1", "label:order 7"],
        ["args.user=42", "args.to=a@b", "args.deep.x=true", "args.dot.ted=1"],
        ["args.to=a*", "args.user=4*", "args.deep.x=*"],
        ["since:2h"],
        ["since:2026-11-22T10:00Z", "until:2026-11-22T12:00Z"],
    ],
)
def test_what_holds_matches(terms: list[str]) -> None:
    assert parse(terms, now_ms=NOW).matches(record())


@pytest.mark.parametrize(
    "terms",
    [
        ["queue:email", "job:other"],
        ["queue:e?ail"],
        ["error~refused"],
        ["args.user=43"],
        ["args.user=42", "args.none=1"],
        ["args.none=*"],
        ["args.to=b*"],
        ["since:30m"],
        ["until:2h"],
        ["id:j2"],
    ],
)
def test_what_does_not_hold_does_not_match(terms: list[str]) -> None:
    assert not parse(terms, now_ms=NOW).matches(record())


def test_a_record_without_the_field_does_not_match() -> None:
    assert not parse(["error~x"]).matches(record(error=None, message=None))
    assert not parse(["label:*"]).matches(record(label=None))
    assert not parse(["since:1h"]).matches({"queue": "email"})
    assert not parse(["args.a=1"]).matches(record(payload=[1]))


@pytest.mark.parametrize(
    ("term", "says", "hint"),
    [
        ("que:email", "no such filter: que:", "did you mean queue:?"),
        ("error:Timeout", "is not a filter", "write error~Timeout"),
        ("args:x", "no such filter", ""),
        ("state:ded", "no such state", "did you mean dead?"),
        ("state:zzz", "no such state", "write waiting, delayed"),
        ("state:", "needs a value", ""),
        ("email", "is not a filter", "write queue:"),
        ("group:a1f", "too short", "at least 4"),
        ("error~/(/", "is not a regular expression", ""),
        ("since:yesterday", "invalid time", "how long ago"),
    ],
)
def test_a_term_that_cannot_be_read_says_what_to_write(term: str, says: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([term])
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_an_impossible_span_and_a_repeated_bound_are_refused() -> None:
    with pytest.raises(UsageError, match="not before"):
        parse(["since:1h", "until:2h"], now_ms=NOW)
    with pytest.raises(UsageError, match="once"):
        parse(["since:1h", "since:2h"])


def test_empty_knows_itself() -> None:
    assert parse([]).is_empty
    assert Filter().is_empty
    assert not parse(["args.x="]).is_empty


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_parses_or_is_a_usage_error(terms: list[str]) -> None:
    try:
        parsed = parse(terms, now_ms=NOW)
    except UsageError:
        return
    assert parsed.matches(record()) in (True, False)


@given(st.text(min_size=1, max_size=30))
def test_error_text_is_found_whatever_characters_it_has(text: str) -> None:
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return
    assert parse([f"error~{text}"]).matches({"error": "E", "message": f"before {text} after"})


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=20), min_size=1))
def test_every_text_argument_of_a_payload_can_be_named(payload: dict[str, str]) -> None:
    assert parse([f"args.{key}={value}" for key, value in payload.items()]).matches({"payload": payload})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:30.5+02:00", "2026-11-22T08:00:30.500000+00:00"),
        ("2026-11-22 10:00", "2026-11-22T15:00:00+00:00"),
        ("2026-11-22", "2026-11-22T05:00:00+00:00"),
        ("08:00", "2026-11-22T13:00:00+00:00"),
        ("06:59", "2026-11-23T11:59:00+00:00"),
        ("today 06:00", "2026-11-22T11:00:00+00:00"),
        ("tomorrow 9:00", "2026-11-23T14:00:00+00:00"),
    ],
)
def test_a_moment_is_read_in_local_time_unless_it_says_otherwise(text: str, moment: str) -> None:
    assert parse_at(text, now_ms=NOW, zone=NEW_YORK) == clock.to_ms(datetime.fromisoformat(moment))


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "10", "tomorrow", "1e9", "9999-99-99"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_at(text, now_ms=NOW)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_every_rfc3339_time_is_read_back(moment: datetime) -> None:
    assert parse_at(moment.isoformat()) == clock.to_ms(moment)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_a_usage_error(text: str) -> None:
    for read in (parse_at, parse_past):
        with contextlib.suppress(UsageError):
            assert isinstance(read(text, now_ms=NOW), int)


def test_a_delay_is_a_duration() -> None:
    assert parse_delay("1h30m") == 5_400_000
    with pytest.raises(UsageError, match="expected a duration"):
        parse_delay("5")
