"""Ids sort by time, never repeat, and tell their time and queue."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from jobctl.store.data.ids import FOREIGN, MINTED, Mint, minted_at, queue_code, readable

TIMES = st.integers(0, 2**45 - 1)
QUEUES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9._-]{0,20}", fullmatch=True)


@given(TIMES, QUEUES)
def test_an_id_tells_when_and_for_which_queue_it_was_minted(at: int, queue: str) -> None:
    job_id = Mint().new(queue, at)
    assert MINTED.fullmatch(job_id)
    assert (minted_at(job_id), job_id[9:12]) == (at, queue_code(queue))


@given(st.lists(st.tuples(TIMES, st.integers(1, 20)), max_size=20))
def test_ids_of_a_queue_rise_whatever_the_clock_does(steps: list[tuple[int, int]]) -> None:
    mint = Mint()
    ids = [job_id for at, count in steps for job_id in mint.many("q", count, at)]
    assert ids == sorted(set(ids))


def test_ids_of_many_threads_never_repeat() -> None:
    mint = Mint()
    with ThreadPoolExecutor(8) as pool:
        ids = [job_id for many in pool.map(lambda _: mint.many("q", 100), range(200)) for job_id in many]
    assert len(set(ids)) == len(ids) == 20_000


@given(st.text(max_size=30))
def test_an_id_that_is_not_ours_has_no_time(text: str) -> None:
    if not MINTED.fullmatch(text):
        assert minted_at(text) is None


@given(st.binary(min_size=1, max_size=200))
def test_every_stock_id_is_made_readable(raw: bytes) -> None:
    text = readable(raw)
    assert text.isascii()
    assert text.isprintable()
    assert text.encode() == raw or FOREIGN.fullmatch(text)
