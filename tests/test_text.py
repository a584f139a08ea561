"""The one sanitizer for text that came from jobs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.text import sanitize

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def test_ordinary_text_is_returned_as_it_is() -> None:
    text = "order 42: häßlich, 注文, 🧾"
    assert sanitize(text) is text


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("one\r\ntwo\tthree", "one two three"),
        ("over\rwritten", "over written"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_becomes_visible(given_text: str, shown: str) -> None:
    assert sanitize(given_text) == shown


def test_newlines_and_tabs_stay_when_they_are_wanted() -> None:
    assert sanitize("a\r\nb\rc\td\x1b", newlines=True) == "a\nb\nc\td\\x1b"


def test_cut_text_says_so() -> None:
    assert sanitize("abcdef", limit=4) == "abc…"
    assert sanitize("abcd", limit=4) == "abcd"
    assert sanitize("\x1b\x1b", limit=5) == "\\x1b…"


@given(ANY_TEXT, st.integers(0, 40))
def test_any_text_comes_out_safe_bounded_and_encodable(text: str, limit: int) -> None:
    out = sanitize(text, limit=limit)
    assert not UNSAFE.search(out)
    assert len(out) <= limit
    out.encode()


@given(ANY_TEXT)
def test_sanitizing_twice_changes_nothing_more(text: str) -> None:
    assert sanitize(sanitize(text, limit=None), limit=None) == sanitize(text, limit=None)
