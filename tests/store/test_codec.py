"""Records survive the way to bytes and back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.store.data.codec import (
    MAX_ATTEMPTS_KEPT,
    NO_RESULT,
    Lived,
    Record,
    decode_body,
    decode_record,
    encode,
    new_body,
)


@pytest.mark.parametrize("result", [b'{"a":1}', b"[1,2]", b'"text"', b"3", b"null"])
def test_a_record_keeps_its_result_and_its_attempts(result: bytes) -> None:
    record = Record(result=msgspec.Raw(result))
    record.add(Lived(1, "completed", "host", 2, 3, 0.5))

    back = decode_record(encode(record))

    assert bytes(back.result) == result
    assert [attempt.outcome for attempt in back.attempts] == ["completed"]


def test_a_record_without_a_result_stays_without_one_however_often_it_is_written() -> None:
    once = decode_record(encode(Record(count=2)))
    twice = decode_record(encode(once))

    assert twice.result is NO_RESULT
    assert encode(twice) == b'{"n":2}'


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


def test_of_many_attempts_the_first_and_the_latest_are_kept_and_all_are_counted() -> None:
    record = Record()
    for number in range(1, 101):
        record.add(Lived(number, "failed", "h", 1, number, 0.1))
    numbers = [attempt.number for attempt in record.attempts]
    assert (record.count, numbers[0], numbers[-1], len(numbers)) == (100, 1, 100, MAX_ATTEMPTS_KEPT)
