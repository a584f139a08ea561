"""What a failure leads to, and how it is recorded and grouped."""

from __future__ import annotations

import random

import dramatiq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.model import RetryPolicy
from jobctl.engine.attempt.retry_policy import GiveUp, Retry, backoff_ms, decide
from jobctl.fingerprint import fingerprint
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.handlers.failure import MAX_MESSAGE, MAX_TRACEBACK, describe


class ShopError(ConnectionError):
    pass


def last() -> float:
    return 0.999_999_999


def decided(failure: BaseException, retries_done: int = 0, **policy) -> Retry | GiveUp:
    return decide(RetryPolicy(**{"jitter": False, **policy}), failure, retries_done, random.random)


def test_dramatiqs_retry_names_its_own_delay_within_the_budget():
    assert decided(dramatiq.Retry("soon", delay=50), delay_ms=1000) == Retry(50)
    assert decided(dramatiq.Retry("later"), delay_ms=1000) == Retry(1000)
    assert decided(dramatiq.Retry("never", delay=-5), delay_ms=1000) == Retry(1000)
    assert isinstance(decided(dramatiq.Retry("again", delay=50), 3, max=3), GiveUp)


def test_three_retries_are_four_runs():
    outcomes = [type(decided(ValueError("x"), done, max=3)) for done in range(5)]
    assert outcomes == [Retry, Retry, Retry, GiveUp, GiveUp]
    assert decided(ValueError("x"), 3, max=3) == GiveUp("it failed 4 times and `retries.max` is 3")
    assert isinstance(decided(ValueError("x"), max=0), GiveUp)


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        ("exponential", [1000, 2000, 4000, 6000, 6000]),
        ("linear", [1000, 2000, 3000, 4000, 5000]),
        ("fixed", [1000] * 5),
    ],
)
def test_delays_grow_as_the_backoff_says_up_to_the_cap(backoff, delays):
    policy = RetryPolicy(backoff=backoff, delay_ms=1000, max_delay_ms=6000, jitter=False)
    assert [backoff_ms(policy, done, last) for done in range(5)] == delays


def test_explicit_delays_repeat_their_last_and_are_neither_capped_nor_jittered():
    policy = RetryPolicy(delays_ms=(1000, 900_000), max_delay_ms=5000, jitter=True)
    assert [backoff_ms(policy, done, lambda: 0.0) for done in range(3)] == [1000, 900_000, 900_000]


@pytest.mark.parametrize(("drawn", "delay"), [(0.0, 5000), (0.5, 7500), (last(), 9999)])
def test_jitter_lies_between_half_and_all_of_the_delay(drawn, delay):
    policy = RetryPolicy(backoff="fixed", delay_ms=10_000, jitter=True)
    assert backoff_ms(policy, 0, lambda: drawn) == delay


@given(
    backoff=st.sampled_from(["exponential", "linear", "fixed"]),
    delay=st.integers(0, 10**400),
    cap=st.integers(0, 10**400),
    done=st.integers(0, 10**30),
    drawn=st.floats(0, 1, exclude_max=True),
    jitter=st.booleans(),
)
def test_no_delay_leaves_its_bounds_however_many_retries(backoff, delay, cap, done, drawn, jitter):
    policy = RetryPolicy(backoff=backoff, delay_ms=delay, max_delay_ms=cap, jitter=jitter)
    got = backoff_ms(policy, done, lambda: drawn)
    assert 0 <= got <= cap
    assert got >= min(delay, cap) // 2


@pytest.mark.parametrize(
    "name",
    ["ShopError", "ConnectionError", "OSError", "Exception", "builtins.OSError", f"{__name__}.ShopError"],
)
def test_a_name_matches_any_class_in_the_ancestry_bare_or_dotted(name):
    assert isinstance(decided(ShopError(), on=(name,)), Retry)
    assert decided(ShopError(), never_on=(name,)) == GiveUp(f"`retries.never_on` names {name}")


def test_what_on_does_not_name_is_not_retried():
    assert decided(ShopError(), on=("ValueError", "object")) == GiveUp("`retries.on` does not name ShopError")


def test_never_on_wins_over_on():
    assert isinstance(decided(ShopError(), on=("ShopError",), never_on=("OSError",)), GiveUp)


@pytest.mark.parametrize("name", ["exit:64", "ExitCode", "HandlerFailure"])
def test_the_names_of_a_handlers_failure_match(name):
    failed = HandlerFailure("ExitCode", "exit 64", match=("exit:64",))
    assert isinstance(decided(failed, on=(name,)), Retry)
    assert isinstance(decided(failed, never_on=(name,)), GiveUp)
    assert isinstance(decided(failed, never_on=("exit:6", "exit:640")), Retry)


def test_a_timeout_is_retried_and_has_a_name():
    assert isinstance(decided(AttemptTimeout()), Retry)
    assert isinstance(decided(AttemptTimeout(), on=("timeout",)), Retry)
    assert isinstance(decided(AttemptTimeout(), never_on=("timeout",)), GiveUp)


def test_a_cancel_is_never_retried():
    assert decided(AttemptCancelled(), on=("AttemptCancelled",)) == GiveUp("it was cancelled")


def test_what_no_retry_can_help_is_retried_only_if_on_names_it_itself():
    failed = HandlerFailure("HttpStatus", "404", match=("http:404", "http:4xx"), retryable=False)
    assert decided(failed) == GiveUp("a retry cannot help")
    assert isinstance(decided(failed, on=("Exception",)), GiveUp)
    assert isinstance(decided(failed, on=("http:4xx",)), Retry)


@pytest.mark.parametrize(("asked", "delay"), [(90_000, 90_000), (10, 5_000), (None, 5_000)])
def test_retry_after_is_a_minimum(asked, delay):
    failed = HandlerFailure("HttpStatus", "503", retry_after_ms=asked)
    assert decided(failed, max_delay_ms=8_000) == Retry(delay)


def raised(error: BaseException) -> BaseException:
    secret_local = "hunter2"  # noqa: F841 - must not appear in a traceback
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - any
        return caught


def test_a_failure_of_user_code_has_its_class_text_and_traceback():
    got = describe(raised(ShopError("no route")))
    assert (got.error, got.message) == ("ShopError", "no route")
    assert got.traceback is not None
    assert "in raised" in got.traceback
    assert 'hunter2"' not in got.traceback.replace('secret_local = "hunter2"', "")


def test_a_handlers_failure_has_no_traceback():
    got = describe(raised(HandlerFailure("ExitCode", "exit 1: x")))
    assert (got.error, got.message, got.traceback) == ("ExitCode", "exit 1: x", None)


def test_a_cause_is_part_of_the_traceback():
    error = ValueError("outer")
    error.__cause__ = raised(KeyError("inner"))
    assert "KeyError: 'inner'" in (describe(raised(error)).traceback or "")


def deep(n: int) -> None:
    if n:
        deep(n - 1)
    raise ValueError("y" * 100_000)


def test_records_are_bounded_and_keep_head_and_tail():
    with pytest.raises(ValueError, match="y") as caught:
        deep(400)
    got = describe(caught.value)
    assert len(got.message) == MAX_MESSAGE
    assert "characters left out" in got.message
    assert got.traceback is not None
    assert len(got.traceback) <= MAX_TRACEBACK
    assert got.traceback.startswith("Traceback")
    assert "in deep" in got.traceback


def test_a_text_that_cannot_be_read_or_encoded_does_not_lose_the_failure():
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "cannot be read" in describe(raised(Broken())).message
    assert describe(ValueError("\ud800")).message == "\\ud800"


SAME = [
    ("user 17 not found", "user 23 not found"),
    ("no row 5d0e4f2a-0c6b-4f3e-9d5a-0a1b2c3d4e5f", "no row 00000000-0000-4000-8000-000000000000"),
    ("key 'a b' missing", "key 'zzz' missing"),
    ("object at 0x7f00aa", "object at 0x12"),
    ("cannot open /srv/a/b.csv: denied", "cannot open /tmp/other: denied"),
    ("bob@example.com bounced", "alice.x@shop.test bounced"),
    ("order ord_01H8XGJWBW failed", "order ord_77ZZZZZZZ1 failed"),
    ("GET https://x.test/a?b=1 failed", "GET https://x.test/zzz failed"),
    ("first line 1\nand 2 details", "first line 2\nother"),
]
OTHER = [
    ("user not found", "order not found"),
    ("exit 1: x", "exit 64: x"),
    ("POST http://h/ answered 503", "POST http://h/ answered 404"),
    ("[Errno 111] refused", "[Errno 113] refused"),
    ("can't read and can't write", "can't read and can't seek"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_messages_that_differ_in_their_subject_are_one_group(one, two):
    assert fingerprint("job", "E", one, None) == fingerprint("job", "E", two, None)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_messages_that_differ_otherwise_are_two(one, two):
    assert fingerprint("job", "E", one, None) != fingerprint("job", "E", two, None)


def frames(*places: str) -> str:
    lines = [f'  File "{place.split(":")[0]}", line 3, in {place.split(":")[1]}\n    x()\n' for place in places]
    return "Traceback (most recent call last):\n" + "".join(lines) + "ValueError: x\n"


def test_the_innermost_user_frame_makes_the_group_without_its_line_or_the_folders_above():
    library = "/v/lib/python3.11/site-packages/requests/api.py:get"
    one = fingerprint("job", "E", "x", frames("/srv/shop/tasks.py:send", library))
    assert one == fingerprint("job", "E", "x", frames("/home/me/shop/tasks.py:send").replace("3,", "99,"))
    assert one != fingerprint("job", "E", "x", frames("/srv/shop/tasks.py:charge", library))
    assert one != fingerprint("other", "E", "x", frames("/srv/shop/tasks.py:send"))


@given(st.text(), st.text(), st.none() | st.text())
def test_a_group_is_always_eight_hex_digits(error, message, traceback):
    group = fingerprint("job", error, message, traceback)
    assert len(group) == 8
    assert int(group, 16) >= 0
