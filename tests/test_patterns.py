"""Texts and expressions that filters look for: as Python's `re` finds them, in time that grows with the text alone."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobctl.errors import UsageError
from jobctl.ops.filters.pattern import Pattern, Search, glob
from jobctl.ops.filters.regex import MAX_STATES, compile_text

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "B",
        ".",
        "\\d",
        "\\w",
        "\\s",
        "\\W",
        "[ab]",
        "[^a]",
        "[a-c1]",
        "\\b",
        "\\B",
        "^",
        "$",
        "\\.",
        "1",
        " ",
        "-",
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "{,1}"])),
    ),
    max_leaves=8,
)
SUBJECTS = st.text(st.sampled_from("abcB1 .-_"), max_size=12)


@given(EXPRESSIONS, SUBJECTS)
def test_an_expression_finds_what_re_finds(expression: str, text: str) -> None:
    assert Search(compile_text(expression))(text) == bool(re.search(expression, text, re.IGNORECASE))


@given(st.text(st.sampled_from(string.punctuation + "ab1 n"), max_size=15))
def test_an_expression_is_read_or_refused(expression: str) -> None:
    try:
        search = Search(compile_text(expression))
    except UsageError as error:
        assert "regular expression" in error.message
    else:
        assert search("ab 1") in (True, False)


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|a)*$", "(a*)*b", "a*a*a*a*a*a*a*b", "(.*)*x(.*)*y", "(a?){300}a{300}"]
)
def test_no_expression_hangs(expression: str) -> None:
    search = Search(compile_text(expression))
    search("a" * 700 + "!")
    assert search._steps  # each character is one step, however many ways there are through the expression
    assert len(search._steps) <= 2 * 701


@pytest.mark.parametrize(
    "expression", ["((a{100}){100}){100}", "a{501}", "(" * 60 + ")" * 60, "(a|b){300}c{400}d{400}"]
)
def test_an_expression_that_grows_too_large_is_refused(expression: str) -> None:
    with pytest.raises(UsageError):
        compile_text(expression)


def test_nothing_may_be_repeated_for_ever() -> None:
    assert compile_text("(((((){500}){500}){500}){500}){500}").size < MAX_STATES


@pytest.mark.parametrize(
    "expression", ["(a)\\1", "(?=a)", "(?<!a)b", "(?i)a", "a**", "*a", "[b-a]", "[a", "(a", "a)", "a\\"]
)
def test_what_needs_backtracking_or_cannot_be_read_says_so(expression: str) -> None:
    with pytest.raises(UsageError, match=r"at its character \d+"):
        Pattern(f"/{expression}/")


def test_a_text_is_found_as_it_stands_and_as_an_expression() -> None:
    pattern = Pattern("timed? out (x)")
    assert pattern.finds("it TIMED out x")
    assert pattern.finds("literally: timed? out (x)")
    assert not pattern.finds("timeout")
    assert Pattern("(").finds("f(")
    assert not Pattern("/timed? out/").finds("timed? out")


@given(st.text(st.sampled_from("ab*"), max_size=8), st.text(st.sampled_from("ab"), max_size=8))
def test_a_star_is_any_text(wanted: str, value: str) -> None:
    assume(len(wanted) < 9)
    assert glob(wanted, value) == bool(re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), value))
