"""What `redact` patterns match, and what is taken out of texts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import redaction
from jobctl import scrubbing as scrubbing_limits
from jobctl.redaction import combined, hide, is_hidden, scrubber
from jobctl.scrubbing import MARK, Scrubber


@pytest.mark.parametrize(
    ("pattern", "hidden"),
    [
        ("to", {"to": MARK}),
        ("card", {"card": MARK}),
        ("card.number", {"card": {"number": MARK, "cvc": 12}}),
        ("*.number", {"card": {"number": MARK, "cvc": 12}}),
        ("card.*", {"card": {"number": MARK, "cvc": MARK}}),
        ("c[ao]rd.n?mber", {"card": {"number": MARK, "cvc": 12}}),
        ("items.*.token", {"items": [{"token": MARK, "n": 1}, {"token": MARK}, "plain"]}),
        ("items.1", {"items": [{"token": "t1-secret", "n": 1}, MARK, "plain"]}),
        ("a.b", {"a.b": MARK}),
        ("a.b.c", {}),
        ("number", {}),
        ("to.x", {}),
        ("TO", {}),
    ],
)
def test_a_pattern_is_matched_segment_by_segment_from_the_top(pattern: str, hidden: dict[str, Any]) -> None:
    payload = {
        "to": "ada@example.com",
        "card": {"number": "4111", "cvc": 12},
        "items": [{"token": "t1-secret", "n": 1}, {"token": "t2-secret"}, "plain"],
        "a.b": "dotted",
    }
    assert hide((pattern,), payload) == payload | hidden


def test_a_text_of_the_payload_that_reads_like_the_mark_is_no_hidden_value() -> None:
    shown = hide(("b",), {"a": json.loads('"[redacted]"'), "b": 1})
    assert not is_hidden(shown["a"])
    assert is_hidden(shown["b"])


def test_what_is_hidden_is_hidden_under_other_keys_too_and_keys_stay() -> None:
    payload = {
        "to": "greeting",
        "greeting": "a greeting of 12345",
        "greeting you": 1,
        "pin": 12345,
        "again": "greeting",
    }
    seen = redaction.shown(("to", "pin"), payload)
    assert seen == {
        "to": MARK, "greeting": f"a {MARK} of {MARK}", f"{MARK} you": 1, "pin": MARK, "again": MARK,
    }  # fmt: skip
    assert is_hidden(seen["to"])
    assert is_hidden(seen["again"])


@pytest.mark.parametrize("payload", [None, [], "text", 3, {"deep": None}])
def test_a_payload_of_any_shape_can_be_looked_at(payload: Any) -> None:
    assert hide(("a.b",), payload) is payload
    assert scrubber(("a.b",), payload) is None


@pytest.mark.parametrize("given", ["to", {"to": 1}, [1], [""], ["x" * 300], ["a"] * 51])
def test_patterns_that_cannot_be_read_hide_everything(given: object) -> None:
    assert combined({"redact": given}, ("to",)) == ("*",)


def test_the_patterns_of_a_body_and_of_the_catalog_are_joined() -> None:
    assert combined({"redact": ["a", "b"]}, ("b", "c")) == ("b", "c", "a")
    assert combined({}, ("c",)) == ("c",)


def scrubbing(*values: object) -> Scrubber:
    found = scrubber(("s",), {"s": list(values)})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        ("ada@example.com", "to ada@example.com!"),
        ("ada@example.com", f"GET /?to={quote('ada@example.com')}"),
        ('say "hi" \\ é\n', json.dumps({"a": 'say "hi" \\ é\n'})),
        ('say "hi" \\ é\n', json.dumps({"a": 'say "hi" \\ é\n'}, ensure_ascii=False)),
        ('say "hi" \\ é\n', repr(['say "hi" \\ é\n'])),
        ("tab\there and é", str(b"tab\there and \xc3\xa9")),
        ("-----KEY-----\nabcdefgh\nstuvwxyz\n", "line 2: stuvwxyz"),
        (123456, "card 123456, twice 123456123456"),
        (-98765.25, "-98765.25"),
        ({"dept-7": 1}, "of dept-7"),
        ("  padded value  ", "a padded value here"),
    ],
)
def test_a_secret_is_found_however_it_is_written(secret: object, written: str) -> None:
    clean = scrubbing(secret)(written)
    for part in ("ada", "say", "hi", "stuvwxyz", "123456", "98765", "dept", "padded", "tab"):
        assert part not in clean
    assert MARK in clean


@pytest.mark.parametrize(("value", "text"), [("ab", "ab abc"), (123, "123 1234"), (True, "True"), (None, "None")])
def test_what_is_too_short_or_no_value_is_left_alone(value: object, text: str) -> None:
    found = scrubber(("s",), {"s": value})
    assert found is None or found(text) == text


def test_overlapping_secrets_leave_no_part_of_either() -> None:
    assert scrubbing("abcdef", "defghi")("xabcdefghix") == f"x{MARK}x"


def test_half_a_secret_at_a_cut_is_found_when_the_cut_is_told() -> None:
    clean = scrubbing("sekret-word")
    assert clean("ret-word and more", front=True) == f"{MARK} and more"
    assert clean("more and sekret", end=True) == f"more and {MARK}"
    assert clean("more and sekret") == "more and sekret"


def test_scrubbing_twice_changes_nothing_even_for_a_secret_that_the_mark_holds() -> None:
    clean = scrubbing("redacted", "act")
    once = clean("redacted by an actor")
    assert once == f"{MARK} by an {MARK}or"
    assert clean(once) == once


def test_with_too_many_secrets_a_text_is_hidden_as_a_whole() -> None:
    clean = scrubbing(*(f"secret{n:05}" for n in range(scrubbing_limits.MAX_FORMS + 1)))
    assert clean("harmless") == MARK
    assert clean("") == ""


def test_a_result_is_scrubbed_inside_and_stays_json() -> None:
    clean = scrubbing("sekret", 123456)
    value = {"a": ["my sekret", 123456, 7, None, True], "sekret": 1.5}
    assert clean.value(value) == {"a": [f"my {MARK}", MARK, 7, None, True], MARK: 1.5}
    deep: Any = "sekret"
    for _ in range(100_000):
        deep = [deep]
    assert clean.value(deep) == MARK


KEYS = st.sampled_from(["to", "card", "token", "items", "note", "a.b"])
SECRETS = st.text(min_size=3, max_size=30).filter(lambda text: len(text.strip()) >= 3)
VALUES = st.recursive(
    SECRETS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATTERNS = st.lists(
    st.lists(KEYS | st.just("*"), min_size=1, max_size=3).map(".".join), min_size=1, max_size=3, unique=True
)


def hidden_texts(shown: Any, payload: Any) -> list[str]:
    """The texts of the payload that are not shown."""
    if shown is MARK:
        left, out = [payload], []
        while left:
            value = left.pop()
            if isinstance(value, dict):
                left += value.values()
            elif isinstance(value, list):
                left += value
            elif isinstance(value, str):
                out.append(value)
        return out
    if isinstance(payload, dict):
        return [text for key in payload for text in hidden_texts(shown[key], payload[key])]
    if isinstance(payload, list):
        return [text for one, other in zip(shown, payload, strict=True) for text in hidden_texts(one, other)]
    return []


@given(payload=st.dictionaries(KEYS, VALUES, max_size=4), patterns=PATTERNS)
def test_no_hidden_text_is_left_in_any_spelling_of_the_payload(payload: dict[str, Any], patterns: list[str]) -> None:
    shown = hide(tuple(patterns), payload)
    clean = scrubber(tuple(patterns), payload)
    texts = [text for text in hidden_texts(shown, payload) if text not in MARK]
    for written in (str(payload), json.dumps(payload), json.dumps(payload, ensure_ascii=False), *texts):
        scrubbed = written if clean is None else clean(written)
        rest = scrubbed.replace(MARK, "")
        assert not [text for text in texts if text in scrubbed and text in rest]
        assert clean is None or clean(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "written",
    [
        '{"a": "\\u0070ass\\/w\\u00f6rd-\\ud83d\\ude00"}',
        json.dumps(json.dumps({"a": "pass/wörd-😀"})),
        r"{\"a\": \"pas\u0073\/w\u00f6rd-\ud83d\ude00\"}",
        "x=%70ass%2Fw%C3%B6rd-%F0%9F%98%80&y=1",
        r"b'pass/w\xc3\xb6rd-\xf0\x9f\x98\x80'",
    ],
)
def test_a_secret_is_found_with_any_of_its_characters_escaped(written: str) -> None:
    clean = scrubbing("pass/wörd-😀")(written)
    assert MARK in clean
    assert "ass" not in clean
    assert "rd-" not in clean


@pytest.mark.parametrize(
    ("secrets", "text"),
    [
        pytest.param(["a" * 500_000], "a" * 1_000_000, id="one letter"),
        pytest.param(["a" * n for n in range(3, 40)], "a" * 1_000_000, id="one letter at many lengths"),
        pytest.param(["ab" * 200_000 + "c"], "ab" * 500_000, id="nearly"),
        pytest.param(["a" * 200_000 + "b"], "a" * 1_000_000 + "b", id="nearly, at the end"),
        pytest.param(["\\" * 100_000], "\\" * 200_000, id="escapes of escapes"),
    ],
)
def test_a_hostile_secret_costs_no_more_than_its_length(secrets: list[str], text: str) -> None:
    """With work that grows with the square of the length this takes hours, and the time limit of tests ends it."""
    clean = scrubbing(*secrets)
    for cut in (clean(text), clean(text, front=True, end=True), clean.value([text])[0]):
        assert cut == MARK or not any(secret in cut for secret in secrets)


def test_many_texts_under_many_secrets_are_scrubbed_together() -> None:
    secrets = [f"secret-{n:04}" for n in range(150)]
    value = [f"{secrets[n % 150]} and {n}" for n in range(2_000)]
    assert scrubbing(*secrets).value(value) == [f"{MARK} and {n}" for n in range(2_000)]


def test_what_would_be_too_much_work_is_hidden_as_a_whole() -> None:
    clean = scrubbing(*(f"secret{n:05}" for n in range(1_000)))
    assert clean("x" * (scrubbing_limits.MAX_WORK // 1_000 + 1)) == MARK
    assert clean.value(["x" * 60_000, "short"]) == [MARK, MARK]


@given(
    text=st.text(alphabet="ab", max_size=60),
    secrets=st.lists(st.text(alphabet="ab", min_size=3, max_size=8), min_size=1, max_size=4),
)
def test_every_place_of_every_secret_is_hidden_and_nothing_else_if_none_overlaps(text: str, secrets: list[str]) -> None:
    covered = {
        place
        for secret in secrets
        for at in range(len(text))
        if text.startswith(secret, at)
        for place in range(at, at + len(secret))
    }
    clean = Scrubber(dict.fromkeys(secrets))(text)
    kept = "".join(character for place, character in enumerate(text) if place not in covered)
    left = clean.replace(MARK, "")
    assert len(left) <= len(kept)
    assert covered or clean == text


@given(form=st.text(alphabet="ab", min_size=3, max_size=9), text=st.text(alphabet="ab", max_size=12))
def test_the_longest_part_of_a_secret_at_a_cut_is_hidden(form: str, text: str) -> None:
    front = next((n for n in range(min(len(form) - 1, len(text)), 2, -1) if form.endswith(text[:n])), 0)
    end = next((n for n in range(min(len(form) - 1, len(text)), 2, -1) if form.startswith(text[-n:])), 0)
    assert scrubbing_limits._overlap(form[1:], text) == front
    assert scrubbing_limits._overlap(text, form[:-1]) == end
