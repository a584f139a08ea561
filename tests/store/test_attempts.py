"""Attempts lie apart from records: added and dropped as lines, equal tracebacks once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.store import Store
from jobctl.store.data import attempts, codec
from jobctl.store.data.attempts import MAX_LINE, Lived
from jobctl.store.data.codec import Record
from jobctl.store.nouns.settle import Ended, Reserved
from tests.store.moves import KEEP_COUNT, KEEP_MS, QUEUE, Moves

MAX_KEPT = 25
"""As _attempts.lua has it."""
TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=50)


def stored(lived: Lived) -> tuple[bytes, dict[bytes, bytes]]:
    line, trace = attempts.encode(lived)
    return line, {line.split(b" ")[0]: trace} if trace else {}


@given(TEXT, TEXT, TEXT | st.none())
def test_an_attempt_comes_back_as_it_was(error: str, message: str, trace: str | None) -> None:
    lived = Lived(1, "failed", "host", 2, 3, 0.5, error, message, trace or None)
    assert attempts.decode(*stored(lived)) == (lived,)


@given(TEXT)
def test_a_traceback_that_ends_with_the_message_comes_back_whole(message: str) -> None:
    trace = f'Traceback (most recent call last):\n  File "x.py", line 1, in f\nmyapp.Boom: {message}\n'
    lived = Lived(1, "failed", "host", 2, 3, 0.5, "Boom", message, trace)
    [back] = attempts.decode(*stored(lived))
    assert back.traceback is not None
    assert back.traceback.rstrip("\n") == trace.rstrip("\n")


@pytest.mark.parametrize("message", ["\x01" * 2_000, "\U0001f600" * 2_000, "x" * 2_000])
def test_an_attempt_is_bounded_whatever_its_message_is(message: str) -> None:
    line, _ = attempts.encode(Lived(1, "failed", "host", 2, 3, 0.5, "Boom", message))
    assert len(line) <= MAX_LINE
    assert line.count(b"\n") == 0


@given(st.binary(max_size=200))
def test_what_cannot_be_read_is_left_out(data: bytes) -> None:
    assert isinstance(attempts.decode(data, {}), tuple)


def fail(moves: Moves, *jobs: Reserved, number: int = 1, trace: str = "at x\nBoom: {}\n", dead: bool = True) -> None:
    """End attempts as failed at one place, each with a message of its own."""
    ended = []
    for job in jobs:
        message = f"order {job.id}"
        lived = Lived(number, "failed", "h", 1, number, 0.1, "Boom", message, trace.format(message))
        record = codec.encode(Record(count=number, error="Boom", group="g1"))
        ended.append(Ended(job.id, job.token, record, b"", *attempts.encode(lived), group="g1", group_info=b"{}"))
    settle = moves.store.settle
    settle.write([settle.bury(QUEUE, ended) if dead else settle.retry(QUEUE, ended)])


def traces(store: Store) -> tuple[int, list[int]]:
    """How many tracebacks are kept, and how often each is used."""
    uses = store.client.hvals(store.keys.trace_uses(QUEUE))
    return store.client.hlen(store.keys.traces(QUEUE)), [int(count) for count in uses]


def test_equal_tracebacks_are_kept_once_although_messages_differ(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    fail(moves, *moves.fetch(3))
    assert traces(store) == (1, [3])
    found = store.jobs.details(QUEUE, store.jobs.locate(QUEUE, ["a", "b", "c"]))
    assert [job.attempts[0].traceback for job in found] == [f"at x\nBoom: order {i}\n" for i in "abc"]


def test_a_traceback_goes_with_the_last_job_that_has_it(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    fail(moves, *moves.fetch(2))
    store.jobs.revive(QUEUE, [("a", "g1"), ("b", "g1")])
    moves.complete(*moves.fetch(2))
    assert traces(store) == (1, [2])
    store.jobs.remove(QUEUE, ["a"])
    assert traces(store) == (1, [1])
    store.jobs.remove(QUEUE, ["b"])
    assert traces(store) == (0, [])
    assert not store.client.exists(store.keys.attempts(QUEUE))


def test_of_many_attempts_the_first_and_the_latest_are_kept_with_their_tracebacks(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    for number in range(1, 101):
        store.jobs.promote(QUEUE, ["a"])
        fail(moves, *moves.fetch(), number=number, trace=f"at {number}\nBoom: {{}}\n", dead=False)
    job = store.jobs.detailed(store.jobs.locate(QUEUE, ["a"])[0])
    assert [attempt.number for attempt in job.attempts] == [1, *range(102 - MAX_KEPT, 101)]
    assert all(attempt.traceback for attempt in job.attempts)
    assert traces(store) == (MAX_KEPT, [1] * MAX_KEPT)


def test_an_attempt_that_is_late_adds_nothing(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    (job,) = moves.fetch()
    fail(moves, job)
    fail(moves, job, number=2, trace="elsewhere\n")
    assert traces(store) == (1, [1])


def test_a_result_lies_apart_and_goes_with_the_job(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    ended = [Ended(job.id, job.token, b"{}", result=b'{"x":1}' if job.id == "a" else b"") for job in moves.fetch(2)]
    store.settle.write([store.settle.complete(QUEUE, KEEP_MS, KEEP_COUNT, ended)])
    found = store.jobs.results(QUEUE, store.jobs.locate(QUEUE, ["a", "b"]))
    assert [job.result for job in found] == [b'{"x":1}', b""]
    store.jobs.remove(QUEUE, ["a"])
    assert not store.client.exists(store.keys.results(QUEUE))


def test_lists_do_not_read_attempts(moves: Moves, store: Store) -> None:
    """500 letters of 25 attempts with tracebacks of 4 KB are 50 MB: what is read of them is what is short."""
    moves.enqueue(*(f"j{i}" for i in range(100)))
    for number in range(1, 26):
        store.jobs.promote(QUEUE, [f"j{i}" for i in range(100)])
        jobs = moves.fetch(100)
        for i, job in enumerate(jobs):
            fail(moves, job, number=number, trace=f"{i} {number}" * 500, dead=number == 25)
    before = store.client.info("stats")["total_net_output_bytes"]
    assert sum(len(page) for page in store.dead.scan(QUEUE)) == 100
    assert store.client.info("stats")["total_net_output_bytes"] - before < 100 * 1_000


def test_details_of_many_jobs_are_read_in_parts(moves: Moves, store: Store) -> None:
    moves.enqueue(*(f"j{i}" for i in range(35)))
    fail(moves, *moves.fetch(35))
    found = store.jobs.locate(QUEUE, [f"j{i}" for i in range(35)])
    assert [len(job.attempts) for job in store.jobs.details(QUEUE, found)] == [1] * 35
