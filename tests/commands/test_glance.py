"""Filters and counts that a look at jobs is enough for say the same as reading them whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  charge: {python: "tests.commands.work_tasks:boom"}
  secret: {python: "tests.commands.work_tasks:boom", redact: [card]}
  greet: {python: "tests.commands.work_tasks:greet", queue: other}
"""


@pytest.fixture
def shop(lab: Cli, worker: Callable[[], None]) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    for number in range(4):
        lab("enqueue", "charge", f"order={number % 2}", f"note={number}")
    lab("enqueue", "secret", "order=1", "card=4711-0815")
    lab("enqueue", "charge", "order:=[1]")
    ids = lab("job", "ls", "-o", "name").lines()
    worker()
    assert lab("job", "wait", *ids).code == 7
    assert lab("dead", "discard", "args.note=3", "--yes").code == 0
    lab("enqueue", "greet", "order=1", "name=x", "--delay", "1h")
    return lab


ALL = "since:2020-01-01"  # asks for a time, for which a job has to be read whole


@pytest.mark.parametrize("by", ["args.order", "type", "queue", "state", "args.none"])
@pytest.mark.parametrize("words", [(), ("job:charge",), ("args.order=1",), ("NOT args.order=0",), ("state:dead",)])
def test_counts_are_those_of_reading(shop: Cli, by: str, words: tuple[str, ...]) -> None:
    looked, read = (shop("job", "ls", *words, *more, "--by", by, "-o", "json") for more in ((), (ALL,)))
    assert looked.json() == read.json()
    assert sum(row["count"] for row in read.json()) > 0


def test_lists_are_those_of_reading(shop: Cli) -> None:
    for words in (("error~boom", "args.order=1"), ("error~nothing",), ("job:sec*", "NOT error~zip"), ("args.note>1",)):
        for verb in ("job", "dead"):
            looked, read = (shop(verb, "ls", *words, *more, "-o", "name") for more in ((), (ALL,)))
            assert sorted(looked.lines()) == sorted(read.lines())


def test_a_look_does_not_tell_what_is_hidden(shop: Cli) -> None:
    for words in (("job", "ls"), ("dead", "ls")):
        asked = shop(*words, "args.card=4711-0815")
        assert "1 job hides it" in asked.err
        refused = shop(*words, "job:secret", "--by", "args.card")
        assert (refused.code, refused.out) == (5, "")
        assert "4711" not in refused.err
        assert shop(*words, "error~4711").out == shop(*words, "error~4712").out
