"""The filter grammar: what is read, what matches, and what is said of what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.cli.bulk.options import FILTERS
from jobctl.errors import UsageError
from jobctl.ops.filters import keys
from jobctl.ops.filters.errors import FilterError
from jobctl.ops.filters.explain import asks
from jobctl.ops.filters.filter import Filter, parse
from jobctl.ops.filters.lex import is_id, masked
from jobctl.ops.filters.match import UNREAD, Subject
from jobctl.ops.filters.tree import And, Node, Not, Or, Term, quoted, write
from jobctl.redaction import hide
from jobctl.store.data.states import STATES

NOW = clock.to_ms(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
HOUR_MS = 3_600_000
PAYLOAD = {"user": 42, "to": "a@b", "deep": {"x": True}, "dot.ted": 1, "my key": "v", "text": "7.5", "none": None}


def subject(**values: Any) -> Subject:
    known: dict[str, Any] = {
        "queue": "email",
        "type": "send-email",
        "state": "dead",
        "group": "a1f3",
        "label": "order 7",
        "ids": ("j1", "stock-1"),
        "error": "TimeoutError",
        "message": "smtp.example.com did not answer",
        "payload": PAYLOAD,
        "at_ms": NOW - HOUR_MS,
        "attempts": 4,
        "host": "web-7",
        "took_s": 30.0,
    }
    return Subject(**known | values)


def holds(*words: str, **values: Any) -> bool:
    return parse(words, now_ms=NOW).matches(subject(**values))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["queue:email"],
        ["queue:other", "queue:email"],
        ["queue:em*", "job:send-*"],
        ["state:dead", "error~timeout"],
        ["error~ANSWER"],
        ["error~/^timeout.*answer$/"],
        ["error~time(d? ?)out"],
        ["group:a1f3", "id:j1", "label:order 7"],
        ["id:stock-1"],
        ["args.user=42", "args.to=a@b", "args.deep.x=true", "args.dot.ted=1"],
        ["args.to=a*", "args.user=4*", "args.deep.x=*", 'args."my key"=v'],
        ["args.user>41", "args.user<=42", "args.text>7", "args.user:40..", "args.user:..42", "args.user:42..42"],
        ["args.to~A@"],
        ["since:2h"],
        ["since:2026-11-22T10:00Z", "until:2026-11-22 12:00Z"],
        ["attempts>3", "attempts:4", "attempts:4..", "attempts:1..9", "attempts<5"],
        ["took>29s", "took:30s..", "took:..1m", "took<=30s"],
        ["host:web-*", "label~ORDER"],
        ["NOT", "queue:sms"],
        ["NOT queue:sms NOT NOT state:dead"],
        ["queue:sms", "OR", "(", "queue:email", "NOT", "args.user=43", ")"],
        ["(queue:sms OR job:send-email) AND state:dead"],
        ["NOT (queue:email args.user=43)"],
        ["error~did not answer"],
        ['error~"did not answer" queue:email'],
        ["NOT args.absent=1"],
        ["NOT args.absent>1"],
    ],
)
def test_what_holds_matches(words: list[str]) -> None:
    assert holds(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["queue:email", "job:other"],
        ["queue:e?ail"],
        ["error~refused"],
        ["error~/answer$ /"],
        ["args.user=43"],
        ["args.user=42", "args.none=1"],
        ["args.absent=*"],
        ["args.to=b*"],
        ["args.to>1"],
        ["args.deep.x>0"],
        ["args.user>42"],
        ["since:30m"],
        ["until:2h"],
        ["id:j2"],
        ["attempts>4"],
        ["took>30s"],
        ["queue:email AND queue:other"],
        ["NOT queue:em*"],
        ["queue:sms OR queue:email state:waiting"],
    ],
)
def test_what_does_not_hold_does_not_match(words: list[str]) -> None:
    assert not holds(*words)


def test_what_there_is_not_does_not_match() -> None:
    assert not holds("error~x", error=None, message=None)
    assert not holds("label:*", label=None)
    assert not holds("since:1h", at_ms=None)
    assert not holds("args.a=1", payload=[1])
    assert not holds("host:*", host=None)


def test_a_value_that_is_hidden_can_be_told_neither_by_a_match_nor_by_none() -> None:
    payload = hide(("to",), PAYLOAD)
    for words in (["args.to=a@b"], ["NOT args.to=a@b"], ["NOT args.to=other"], ["args.to~a"], ["args.to>1"]):
        found = parse(words)
        assert not found.matches(subject(payload=payload))
        assert found.refusals()[0].exit_code == 5
    found = parse(["args.to=a@b OR queue:email"])
    assert found.matches(subject(payload=payload))
    assert not found.refusals()


def test_of_what_was_not_read_only_the_rest_decides() -> None:
    wanted = parse(["queue:email (host:web-1 OR state:dead)"])
    assert wanted.possible(queue="email")
    assert not wanted.possible(queue="sms")
    assert wanted.judge(subject(host=UNREAD)) is True
    assert wanted.judge(subject(host=UNREAD, state="waiting")) is None
    assert parse(["NOT", "state:dead"]).possible(state="waiting")
    assert not parse(["NOT", "state:dead"]).possible(state="dead")


@pytest.mark.parametrize(
    ("words", "place", "says", "hint"),
    [
        (["que:email"], "que:", "no such filter: que:", "did you mean queue:?"),
        (["queue:a", "stat:dead"], "stat:", "no such filter: stat:", "did you mean state:?"),
        (["error:Timeout"], "error:Timeout", "does not take :", "write error~Timeout"),
        (["args:x"], "args:", "no such filter", ""),
        (["args.=x"], "args.=", "no such filter", ""),
        (["state:ded"], "ded", "no such state", "did you mean dead?"),
        (["state:zzz"], "zzz", "no such state", "write waiting, delayed"),
        (["state:"], "state:", "needs a value", ""),
        (["email"], "email", "is not a filter", "write queue:"),
        (["queue:a b"], "b", "is not a filter", 'quotes: queue:"a b"'),
        (["error~a b OR job:c"], "b", "is not a filter", 'quotes: error~"a b"'),
        (["queue:a", "or", "queue:b"], "or", "is not a filter", "write OR in capitals"),
        (["group:a1f"], "a1f", "too short", "at least 4"),
        (["error~/(/"], "/(/", "is not a regular expression", ""),
        (["since:yesterday"], "yesterday", "invalid time", "how long ago"),
        (["attempts>many"], "many", "not a whole number", ""),
        (["attempts:.."], "..", "a range needs a number", "4.."),
        (["took>5"], "5", "expected a duration", ""),
        (["args.n>x"], "x", "is not a number", ""),
        (["args.n:5"], "5", "is not a range", "write 5.."),
        (["(queue:a"], "(", "is not closed", ""),
        (["queue:a", ")"], ")", "closes nothing", "quotes"),
        (["queue:a OR"], "OR", "needs a condition after it", ""),
        (["AND queue:a"], "AND", "needs a condition before it", ""),
        (["NOT"], "NOT", "needs a condition after it", ""),
        (["()"], "(", "needs a condition after it", ""),
        (['error~"abc'], '"abc', "the quote is not closed", 'end the value with "'),
        (["since:1h", "since:2h"], "since:2h", "can be given once", ""),
        (["NOT " * 60 + "queue:a"], "NOT", "nested too deeply", ""),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_write(words: list[str], place: str, says: str, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(words)
    error = caught.value
    assert says in error.message
    assert hint in error.hint
    assert error.text[error.start : error.end] == place
    line, carets = error.excerpt
    assert line[carets.index("^") : len(carets)] == place
    assert set(carets) <= {" ", "^"}


def test_an_impossible_span_is_refused() -> None:
    with pytest.raises(UsageError, match="not before"):
        parse(["since:1h", "until:2h"], now_ms=NOW)


def test_the_span_holds_for_all_that_matches() -> None:
    def span(text: str) -> tuple[int | None, int | None]:
        low, high = parse([text], now_ms=NOW).span
        return (low and (NOW - low) // HOUR_MS, high and (NOW - high) // HOUR_MS)

    assert span("since:5h until:1h") == (5, 1)
    assert span("since:5h AND since:2h") == (2, None)
    assert span("(since:5h until:4h) OR (since:2h until:1h)") == (5, 1)
    assert span("since:5h OR queue:a") == (None, None)
    assert span("NOT since:5h") == (None, None)


@pytest.mark.parametrize(
    ("text", "indexed"),
    [
        ("job:a since:1h", True),
        ("(job:a OR NOT group:abcd) queue:x until:1h", True),
        ("job:a OR since:1h", False),
        ("error~x job:a", False),
        ("NOT since:1h", False),
        ("", True),
    ],
)
def test_indexes_of_dead_letters_serve_types_groups_and_times(text: str, indexed: bool) -> None:
    assert parse([text]).indexed is indexed


def test_ids_are_those_that_every_match_has() -> None:
    assert parse(["id:a", "id:b", "queue:x"]).ids == ("a", "b")
    assert parse(["id:a OR queue:x"]).ids is None
    assert parse(["NOT id:a"]).ids is None


def test_ids_are_told_from_filters() -> None:
    assert all(map(is_id, ["1m80w17s0w7jd106qwm2", "order-7"]))
    assert not any(map(is_id, ["queue:a", "NOT", "OR", "(queue:a", ")", "NOT x", "args.n>1"]))


def test_the_audit_log_does_not_repeat_values_of_payloads() -> None:
    assert masked(["queue:a", "(args.to=secret OR args.n>5)"]) == "queue:a (args.to=… OR args.n>…)"
    assert masked(["args.to=two words", "id1"]) == "args.to=… id1"
    assert masked(['args.to="secret']) == "…"


def test_an_explanation_says_it_in_words() -> None:
    assert asks(parse(["queue:a queue:b NOT args.n:4..", "error~/x/", "since:2026-11-22T10:00Z"])) == (
        "the queue is 'a', or the queue is 'b'",
        "not: the payload's n is at least 4",
        "the error or its message contains the expression /x/, in any case",
        "since 2026-11-22T10:00:00Z",
    )


def test_help_names_every_key() -> None:
    assert FILTERS == keys.SPELLINGS


def test_empty_knows_itself() -> None:
    assert parse([]).is_empty
    assert parse(["", " "]).is_empty
    assert Filter().is_empty
    assert not parse(["args.x="]).is_empty


def words() -> st.SearchStrategy[str]:
    """Rubbish, most of it made of what filters are made of."""
    pieces = [
        "queue:",
        "args.",
        "error~",
        "(",
        ")",
        "OR",
        "NOT",
        "AND",
        " ",
        '"',
        "'",
        "\\",
        "/",
        "..",
        ">",
        "=",
        "a",
        "*",
    ]
    return st.one_of(st.text(max_size=40), st.lists(st.sampled_from(pieces), max_size=12).map("".join))


@given(st.lists(words(), max_size=5))
def test_any_text_parses_or_is_a_usage_error_that_points_into_it(arguments: list[str]) -> None:
    try:
        parsed = parse(arguments, now_ms=NOW)
    except FilterError as error:
        assert 0 <= error.start < error.end <= max(1, len(error.text))
        assert error.text == " ".join(arguments)
        return
    except UsageError:
        return
    assert parsed.matches(subject()) in (True, False)
    assert parse([str(parsed)], now_ms=NOW).node == parsed.node


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
TERMS = st.one_of(
    st.builds(Term, st.sampled_from(["queue", "job", "label", "host", "id"]), st.just(":"), TEXTS),
    st.builds(Term, st.just("state"), st.just(":"), st.sampled_from(STATES)),
    st.builds(Term, TEXTS.map(lambda path: f"args.{path}"), st.just("="), TEXTS),
    st.builds(Term, st.just("args.n"), st.sampled_from([">", ">=", "<", "<="]), st.integers(-9, 9).map(str)),
    st.builds(Term, st.just("attempts"), st.just(":"), st.sampled_from(["3", "2..", "..4", "1..3"])),
)


def flat(kind: Any, parts: list[Node]) -> Node:
    """A node as the parser makes it: parts of an And are none themselves."""
    if kind is And:
        parts = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
    return kind(tuple(parts))


TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(flat, st.sampled_from([And, Or]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_is_read_as_the_same(tree: Node) -> None:
    assert parse([write(tree)]).node == tree


def model(node: Node, looked: Subject) -> bool:
    """The meaning of a filter, in the simplest words."""
    match node:
        case Not(of):
            return not model(of, looked)
        case And(parts):
            return all(model(part, looked) for part in parts)
        case Or(parts):
            return any(model(part, looked) for part in parts)
    value = {"job": looked.type, "id": looked.ids[0]}.get(node.key) or getattr(looked, node.key.partition(".")[0], None)
    if node.key == "args.n" and node.sign != "=":
        n, wanted = looked.payload["n"], int(node.value)
        return bool({">": n > wanted, ">=": n >= wanted, "<": n < wanted, "<=": n <= wanted}[node.sign])
    if node.key == "attempts":
        low, dots, high = node.value.partition("..")
        return int(low or 0) <= looked.attempts <= int(high or 99) if dots else looked.attempts == int(low)
    if node.key.startswith("args."):
        value = {str(key): str(of) for key, of in looked.payload.items()}.get(node.key.removeprefix("args."))
    return value == node.value


FEW = st.sampled_from(["a", "b", "c d"])
SMALL_TERMS = st.one_of(
    st.builds(Term, st.sampled_from(["queue", "job", "label", "host", "id"]), st.just(":"), FEW),
    st.builds(Term, st.just("args.n"), st.sampled_from([">", ">=", "<", "<=", "="]), st.integers(0, 3).map(str)),
    st.builds(Term, st.just("args.x"), st.just("="), FEW),
    st.builds(Term, st.just("attempts"), st.just(":"), st.sampled_from(["3", "2..", "..4", "1..3"])),
)
SMALL_TREES = st.recursive(
    SMALL_TERMS,
    lambda inner: st.one_of(
        st.builds(Not, inner), st.builds(flat, st.sampled_from([And, Or]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)
SUBJECTS = st.builds(
    lambda queue, job, label, host, name, n, x, attempts: Subject(
        queue=queue, type=job, label=label, host=host, ids=(name,), payload={"n": n, "x": x}, attempts=attempts
    ),
    FEW, FEW, FEW, FEW, FEW, st.integers(0, 3), FEW, st.integers(0, 5),
)  # fmt: skip


@given(SMALL_TREES, SUBJECTS)
def test_matching_does_what_a_simple_model_does(tree: Node, looked: Subject) -> None:
    assert parse([write(tree)]).matches(looked) is model(tree, looked)


@given(SMALL_TREES, SUBJECTS, st.sets(st.sampled_from(["queue", "type", "label", "host", "payload", "attempts"])))
def test_what_is_not_read_never_makes_a_match_impossible(tree: Node, looked: Subject, known: set[str]) -> None:
    wanted = Filter(tree)
    partly = wanted.judge(Subject(**{name: getattr(looked, name) for name in known}))
    assert partly is None or partly is wanted.matches(looked)


@given(st.text(min_size=1, max_size=30))
def test_error_text_is_found_whatever_characters_it_has(text: str) -> None:
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return
    assert parse([f"error~{quoted(text)}"]).matches(Subject(error="E", message=f"before {text} after"))


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20).filter(lambda text: "*" not in text)))
def test_every_text_argument_of_a_payload_can_be_named(payload: dict[str, str]) -> None:
    tree = [write(Term(f"args.{key}", "=", value)) for key, value in payload.items()]
    assert parse(tree).matches(Subject(payload=payload))
