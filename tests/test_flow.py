"""The lane, unique key and expiry that the catalog's flow control gives a job."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import flow
from jobctl.catalog.load import load_text
from jobctl.catalog.model import Catalog
from jobctl.errors import UsageError
from jobctl.store.data.newjob import Unique

CATALOG = load_text("""
version: 1
queues:
  q: {rate_limit: 100/m, concurrency: {max: 20, key: "{{ tenant }}"}}
  slow: {rate_limit: {rate: 10/5m, window: fixed}}
jobs:
  plain: {python: "m:f"}
  both:
    python: "m:f"
    queue: q
    rate_limit: {rate: 5/s, key: "{{ tenant }}/{{ n }}", burst: 10}
    concurrency: 1
    unique: {key: "{{ tenant }}", for: 24h, on_conflict: fail, hold_when_dead: true}
    expires: 1h
  shared: {python: "m:f", queue: q}
  whole: {python: "m:f", unique: {key: "{{ payload }}", until: started}}
  debounced: {python: "m:f", unique: {key: "{{ job.type }}", for: 5s, on_conflict: extend}}
  fixed: {python: "m:f", queue: slow, concurrency: 3}
""")


def of(name: str, catalog: Catalog = CATALOG) -> flow.Flow:
    found = flow.Flows(catalog).of(catalog.jobs[name])
    assert found is not None
    return found


def test_a_lane_is_every_limit_in_order_with_its_key() -> None:
    lane = of("both").lane({"tenant": "acme", "n": 7})
    assert lane.split("\n") == ["r:both|acme/7", "c:both", "R", "C|acme"]
    assert of("fixed").lane({}) == "c:fixed\nR"
    assert of("whole").lane({"x": 1}) == ""


def test_a_lane_says_its_type_also_where_only_the_queue_has_limits() -> None:
    assert of("shared").lane({"tenant": "acme"}).split("\n") == ["p:shared", "R", "C|acme"]


def test_a_type_without_flow_control_has_none() -> None:
    assert flow.Flows(CATALOG).of(CATALOG.jobs["plain"]) is None


def test_the_unique_key_says_all_that_the_store_must_know() -> None:
    name = "both|acme"
    assert of("both").unique({"tenant": "acme"}) == Unique(name, "for", 86_400_000, "fail", True)
    assert of("whole").unique({"b": [1], "a": "x"}) == Unique('whole|{"a":"x","b":[1]}', "started", 0, "skip", False)
    assert of("debounced").unique({}) == Unique("debounced|debounced", "for", 5_000, "extend", False)
    assert of("fixed").unique({}) is None


def test_a_key_that_holds_what_is_redacted_is_kept_as_a_digest() -> None:
    text = """
version: 1
jobs:
  a: {python: "m:f", redact: [to], unique: {key: "{{ to }}-{{ n }}"}, rate_limit: {rate: 1/s, key: "{{ to }}"}}
"""
    keyed = of("a", load_text(text))
    one, other = {"to": "ada@example.com", "n": 1}, {"to": "bob@example.com", "n": 1}
    unique = keyed.unique(one)
    assert unique is not None
    assert unique.name.startswith("a|#")
    assert "ada" not in keyed.lane(one)
    assert keyed.lane(one) == keyed.lane(one) != keyed.lane(other)
    assert keyed.unique(other) != unique
    with pytest.raises(UsageError) as caught:
        keyed.unique({"to": "ada@example.com"})
    assert "ada" not in str(caught.value)


def test_times_are_those_of_the_catalog() -> None:
    assert [(of(name).expires_ms, of(name).delay_ms) for name in ("both", "debounced")] == [
        (3_600_000, 0),
        (None, 5000),
    ]


@pytest.mark.parametrize(
    ("value", "key"), [("", "#empty"), (None, "null"), (True, "true"), (1.5, "1.5"), ({"b": 1}, '{"b":1}')]
)
def test_a_key_is_the_value_as_text(value: Any, key: str) -> None:
    assert of("both").lane({"tenant": value, "n": 1}).endswith(f"\nC|{key}")


def test_a_payload_without_the_value_is_refused_by_type_and_key_and_told_what_to_do() -> None:
    for make in (of("both").lane, of("both").unique):
        with pytest.raises(UsageError) as caught:
            make({"n": 1})
        assert "`both`" in caught.value.message
        assert "'tenant' is undefined" in caught.value.message
        assert "| default(" in caught.value.hint
    with pytest.raises(UsageError, match="the key of the `concurrency` of queue q"):
        of(
            "both",
            load_text("""
version: 1
queues: {q: {concurrency: {max: 1, key: "{{ tenant }}"}}}
jobs: {both: {python: "m:f", queue: q}}
"""),
        ).lane({})


@given(st.text())
def test_a_key_is_short_and_on_one_line_and_tells_texts_apart(text: str) -> None:
    key = flow.short(text)
    assert len(key) <= flow.MAX_KEY
    assert key == "" or key.isprintable()
    assert (key == text) is not key.startswith("#")
    assert flow.short(text + "!") != key


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=4))
def test_equal_payloads_have_equal_keys_in_whatever_order(payload: dict[str, Any]) -> None:
    backwards = dict(reversed(payload.items()))
    assert of("whole").unique(payload) == of("whole").unique(backwards)


def test_the_limits_of_a_queue_are_told_as_the_store_takes_them() -> None:
    assert flow.specs(CATALOG, "q") == {
        "R": "100 60000 1 smooth",
        "C": "20",
        "r:both": "5 1000 10 smooth",
        "c:both": "1",
    }
    assert flow.specs(CATALOG, "slow") == {"R": "10 300000 1 fixed", "c:fixed": "3"}
    assert flow.specs(CATALOG, "default") == flow.specs(CATALOG, "unknown") == {}
