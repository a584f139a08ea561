"""Counts of `--by`: bounded, and honest about it."""

from __future__ import annotations

from jobctl.ops.counting import MAX_VALUE, MOST, Counted


def test_different_values_are_bounded_and_the_rest_is_told() -> None:
    counted = Counted("args.id")
    for number in range(MOST + 5):
        counted.add(str(number))
    counted.add("0", 2)
    assert len(counted.rows) == MOST
    assert counted.more == 5
    assert (counted.rows[0].value, counted.rows[0].count) == ("0", 3)


def test_long_values_are_cut_and_hours_stay_in_order() -> None:
    counted = Counted("hour")
    for value in ("b" * 1_000, "a", "b", "b", None):
        counted.add(value)
    assert [row.value for row in counted.rows] == [None, "a", "b", "b" * MAX_VALUE]
