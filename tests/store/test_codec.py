"""Records survive the way to bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.store.data.attempts import Lived, Ran
from jobctl.store.data.codec import Record, decode_body, decode_record, encode, new_body


def test_a_record_comes_back_as_it_was() -> None:
    record = Record(count=2, spent=1, retries=3, group="g", type="t", label="l", finished=9)
    record.fail("ValueError", "no good")
    assert decode_record(encode(record)) == record


def test_a_record_that_says_nothing_is_empty() -> None:
    assert encode(Record(count=2)) == b'{"n":2}'


@pytest.mark.parametrize("text", ["x" * 60_000, "\x01" * 60_000, "ü" * 60_000])
def test_a_record_is_short_whatever_an_error_says(text: str) -> None:
    record = Record()
    record.fail(text, text)
    assert len(encode(record)) < 6 * 750
    assert (record.message or "").endswith("…")


def test_the_attempt_that_completed_a_job_says_when_it_began_unless_another_one_did() -> None:
    once, twice = Record(), Record()
    once.complete(Ran("host", 1, 1000, 0.5))
    twice.add(Lived(1, "failed", "host", 1, 500, 0.1))
    twice.complete(Ran("host", 1, 1000, 0.5))
    assert (once.began, once.count, twice.began, twice.count) == (1000, 1, 500, 2)


@given(st.binary(max_size=200))
def test_rubbish_is_a_value_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_body(data)


@given(st.binary(max_size=200))
def test_a_record_that_cannot_be_read_counts_as_empty(data: bytes) -> None:
    assert isinstance(decode_record(data), Record)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"args":' * 50_000, b'{"a":' + b"[" * 100_000, b'{"e":"\xff"}'])
def test_deep_nesting_and_bad_text_are_rubbish_like_any_other(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_body(data)
    assert decode_record(data) == Record()


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists)
    )
)
def test_a_payload_comes_back_as_it_went(payload: dict[str, object]) -> None:
    body = decode_body(new_body("id", "t", "q", payload, 1, {}))
    assert (body.message_id, body.actor_name, body.queue_name, body.payload) == ("id", "t", "q", payload)
