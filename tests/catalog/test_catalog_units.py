"""Durations, rates and sizes are read by one parser each."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    Rate,
    duration_ms,
    format_duration,
    format_rate,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("7d", 604_800_000),
        ("1w", 604_800_000),
    ],
)
def test_a_duration_is_milliseconds(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5 m",
        "m5",
        "1m1h",
        "1m1m",
        "-5s",
        "1.5h",
        "5x",
        "5mm",
        "٣s",
        "5s\n",
        "1" * 16 + "s",
        "99999w",
    ],
)
def test_what_is_not_a_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as `30s`"):
        parse_duration(text)


def test_a_bare_number_is_told_to_add_a_unit() -> None:
    with pytest.raises(ValueError, match="add a unit, such as `30s`"):
        parse_duration("30")


@given(st.integers(min_value=0, max_value=100 * 365 * 86_400_000))
def test_a_formatted_duration_reads_back(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms
    assert re.fullmatch(DURATION_PATTERN, format_duration(ms))


def test_a_negative_duration_cannot_be_formatted() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(-1)


@given(st.text() | st.from_regex(r"[0-9]{1,4}(ms|[smhdwx]){1,3}", fullmatch=True))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        ms = parse_duration(text)
    except ValueError as error:
        assert len(str(error)) < 200
    else:
        assert re.fullmatch(DURATION_PATTERN, text)
        assert parse_duration(format_duration(ms)) == ms


@pytest.mark.parametrize(("given_", "ms"), [(0, 0), (2.5, 2_500), ("5m", 300_000), (1e8, 100_000_000_000)])
def test_functions_take_seconds_or_a_duration(given_: float | str, ms: int) -> None:
    assert duration_ms(given_) == ms


@pytest.mark.parametrize("given_", [-1, float("nan"), float("inf"), 1e9, "5", "soon"])
def test_what_is_neither_seconds_nor_a_duration_is_refused(given_: float | str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        duration_ms(given_)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/m", Rate(100, 60_000)),
        ("5/s", Rate(5, 1_000)),
        ("1000/h", Rate(1000, 3_600_000)),
        ("10/5m", Rate(10, 300_000)),
    ],
)
def test_a_rate_is_a_count_in_milliseconds(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@given(
    st.integers(1, 1_000_000_000),
    st.integers(1, 366) | st.none(),
    st.sampled_from([("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]),
)
def test_a_rate_is_read_as_it_is_written(count: int, times: int | None, unit: tuple[str, int]) -> None:
    text = f"{count}/{'' if times is None else times}{unit[0]}"
    assert re.fullmatch(RATE_PATTERN, text)
    assert parse_rate(text) == Rate(count, (times or 1) * unit[1])
    assert parse_rate(format_rate(count, (times or 1) * unit[1])) == parse_rate(text)


@pytest.mark.parametrize("text", ["100/m", "10/5m", "5/s", "1/w", "1/90s", "2/250ms"])
def test_a_rate_is_written_as_one_would(text: str) -> None:
    rate = parse_rate(text)
    assert format_rate(rate.count, rate.per_ms) == text


@pytest.mark.parametrize("text", ["1000000001/s", "1/367d", "1/53w", "1/999999999999999w"])
def test_a_rate_has_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="a rate is at most 1000000000 in at most 366d"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["", "100", "100/", "/m", "0/m", "5/0s", "5/x", "1.5/s", "-1/s", "5 / s"])
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("256KiB", 262_144), ("512MB", 512_000_000), ("100B", 100), ("1 GiB", 2**30), ("1kB", 1000)],
)
def test_a_size_is_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "5", "KiB", "5 KiBs", "1.5MB", "-1B", "5kb"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as `256KiB`"):
        parse_size(text)


@given(st.text())
def test_any_text_is_a_rate_and_a_size_or_a_value_error(text: str) -> None:
    for parse in (parse_rate, parse_size):
        try:
            parse(text)
        except ValueError as error:
            assert len(str(error)) < 200
