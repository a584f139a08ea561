"""What a queue may be called, and that no key is ever made of anything else."""

from __future__ import annotations

import inspect

import pytest

from jobctl import names
from jobctl.errors import UsageError
from jobctl.store.wire.keys import Keys
from jobctl.store.wire.one_each import NAMESPACE_KEYS

HOSTILE = (
    "", "@paused", "@due", "@archive:default", "a:b", "a b", "a\nb", "\x00", "\x1b[31m", "-x", "1st", "ü", "a" * 129,
    "a" * 10_000, "x.DQ", "x.XQ", "x.msgs", "x.DQ.msgs", "__acks__", "{x}", "a/b", "*", "a\n",
)  # fmt: skip
GIVEN = {
    "group": ("g",), "unique": ("n",), "indexed": ("n",), "logs": ("id",), "of_limits": ("turns",), "of_stats": ("n",),
}  # fmt: skip
OF_A_QUEUE = sorted(
    name
    for name, function in vars(Keys).items()
    if not name.startswith("_") and name not in NAMESPACE_KEYS and "queue" in inspect.signature(function).parameters
)


@pytest.mark.parametrize("name", ["default", "a", "_x", "A.b-c_9", "a" * 128, "msgs", "DQ", "x.DQ.y"])
def test_a_name_that_fits_is_taken(name: str) -> None:
    assert names.is_queue(name)
    assert names.queue(name) == name


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_name_that_does_not_fit_reaches_no_key(name: str) -> None:
    assert not names.is_queue(name)
    keys = Keys("ns")
    for function in OF_A_QUEUE:
        arguments = ("w", name) if function == "stock_acks" else (name, *GIVEN.get(function, ()))
        with pytest.raises(UsageError, match="queue's name"):
            getattr(keys, function)(*arguments)


def test_every_key_of_a_queue_is_under_the_namespace_and_no_other_queues() -> None:
    keys = Keys("ns")
    made: dict[str, str] = {}
    for queue in ("a", "a.b", "b", "trash", "queues", "DQ"):
        for function in OF_A_QUEUE:
            arguments = ("w", queue) if function == "stock_acks" else (queue, *GIVEN.get(function, ()))
            key = getattr(keys, function)(*arguments)
            assert key.startswith("ns:")
            assert made.setdefault(key, f"{function} {queue}") == f"{function} {queue}"
    for name in NAMESPACE_KEYS:
        assert getattr(keys, name)() not in made
