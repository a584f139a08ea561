"""Rows that a script goes through in several calls: as many a call as it is likely to reach, until all are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from jobctl.errors import OperationFailed
from jobctl.store import Store
from jobctl.store.wire import pace, steps
from jobctl.store.wire.script import Call, Runner

ROWS = [(str(number),) for number in range(1_000)]


class Stub(Runner):
    """Answers that a call went through so many rows at most; keeps how many each was sent."""

    def __init__(self, store: Store, reach: int) -> None:
        super().__init__(store.client)
        self.reach, self.sent = reach, list[int]()

    def run(self, call: Call) -> Any:
        self.sent.append(len(call.args))
        return [min(len(call.args), self.reach)]

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        return [self.run(call) for call in calls]


def stubbed(store: Store, reach: int) -> Stub:
    stub = Stub(store, reach)
    store._runner = stub
    return stub


def rows(like: str = "") -> steps.Rows:
    return steps.Rows("free", "q", (), ROWS, like)


def test_cheap_rows_go_many_at_a_time_from_the_fourth_call_on(store: Store) -> None:
    stub = stubbed(store, 10_000)
    assert [start for start, *_ in steps.walk(store, rows())] == [0, 100, 300, 700]
    steps.each(store, rows())
    assert stub.sent[4:] == [pace.MOST] * 2


def test_dear_rows_are_not_sent_again_and_again(store: Store) -> None:
    stub = stubbed(store, 40)
    steps.run(store, [rows()])
    assert sum(stub.sent) < 1.3 * len(ROWS)


def test_what_rows_cost_is_learned_for_each_kind_of_them(store: Store) -> None:
    stub = stubbed(store, 10)
    steps.each(store, rows("dear"))
    stub.reach, stub.sent = 10_000, []
    steps.each(store, rows("cheap"))
    assert stub.sent[0] == pace.START


def test_a_script_that_goes_through_no_row_is_an_error(store: Store) -> None:
    stubbed(store, 0)
    for go in (lambda: steps.each(store, rows()), lambda: steps.run(store, [rows()])):
        with pytest.raises(OperationFailed, match=r"free\.lua went through 0 of 100 rows of queue q"):
            go()


def test_a_script_that_refuses_its_rows_is_not_called_again(store: Store) -> None:
    stub = stubbed(store, -1)
    assert list(steps.walk(store, rows())) == [(0, -1, [])]
    assert len(stub.sent) == 1
    with pytest.raises(OperationFailed, match=r"free\.lua went through -1 of 100 rows of queue q"):
        steps.run(store, [rows()])
