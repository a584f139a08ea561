"""Records survive the way to bytes and back."""

from __future__ import annotations

import msgspec
import pytest

from jobctl.store.codec import NO_RESULT, Lived, Record, decode_record, encode


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
