"""`index` in the catalog, `jobctl index`, and filters that an index serves, as a user meets them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from jobctl.catalog.load import load_text
from jobctl.catalog.problems import CatalogError
from jobctl.store import Store
from jobctl.store.data import codec
from tests.support import Cli

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  charge: {python: "tests.commands.work_tasks:boom", index: [order, customer.id]}
  greet: {python: "tests.commands.work_tasks:greet"}
"""


@pytest.fixture
def shop(lab: Cli) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    return lab


def states(shop: Cli) -> dict[str, str]:
    return {row["key"]: row["state"] for row in shop("index", "ls", "-o", "json").json()}


def test_a_job_is_found_by_its_order_number(shop: Cli, worker: Callable[[], None]) -> None:
    assert shop("enqueue", "greet", "order=41").code == 0  # with the first job of a queue, its indexes are complete
    assert shop("enqueue", "charge", "order=41").code == 0
    assert states(shop) == {"order": "incomplete", "customer.id": "incomplete"}
    built = shop("index", "build", "charge")
    assert (built.code, built.err) == (0, "indexed 1 job of charge\n")
    assert states(shop) == {"order": "complete", "customer.id": "complete"}
    ids = shop("enqueue", "charge", "order:=42", 'customer:={"id": "c7"}').lines()
    assert shop("enqueue", "greet", "order=42").code == 0
    for words in (["args.order=42"], ["args.customer.id=c7", "state:waiting"], ["(args.order=42 OR args.order=9)"]):
        assert shop("job", "ls", "job:charge", *words, "-o", "name").lines() == ids
    told = shop("job", "ls", "job:charge", "args.order=42", "--explain", "-o", "json").json()
    assert (told["served_by"], told["reads"]) == (["the index of args.order of charge: 1 job is read"], 1)
    assert len(shop("job", "ls", "args.order=42", "-o", "name").lines()) == 2  # of any type: all are read
    assert shop("job", "ls", "job:charge", "args.order=4*", "-o", "name").lines()[-1:] != []
    worker()
    assert shop("job", "wait", *ids).code == 7
    assert shop("dead", "ls", "job:charge", "args.order=42", "-o", "name").lines() == ids
    assert shop("dead", "retry", "job:charge", "args.order=42", "--dry-run", "-o", "json").json()["matched"] == 1
    assert shop("dead", "discard", "job:charge", "args.order=42", "--yes").code == 0
    assert shop("dead", "restore", "job:charge", "args.order=42", "--dry-run", "-o", "json").json()["matched"] == 1


def test_a_queue_that_begins_has_complete_indexes(shop: Cli) -> None:
    assert states(shop) == {"order": "complete", "customer.id": "complete"}
    assert "index" not in shop("triage").out
    [job_id] = shop("enqueue", "charge", "order=1").lines()
    assert states(shop) == {"order": "complete", "customer.id": "complete"}
    told = shop("job", "ls", "job:charge", "args.order=1", "--explain", "-o", "json").json()
    assert told["served_by"] == ["the index of args.order of charge: 1 job is read"]
    assert shop("job", "ls", "job:charge", "args.order=1", "-o", "name").lines() == [job_id]


def test_what_a_stock_producer_pushes_is_found(shop: Cli, store: Store, worker: Callable[[], None]) -> None:
    shop("enqueue", "charge", "order=1")
    body = codec.encode(codec.Body("default", "charge", [], {"order": 7}, {}, "d0e7-of-its-own", 0))
    store.client.hset(store.keys.bodies("default"), "d0e7-of-the-list", body)
    store.client.rpush(store.keys.ready("default"), "d0e7-of-the-list")
    find = ("job:charge", "args.order=7", "-o", "name")
    assert shop("job", "ls", *find).lines() == ["d0e7-of-the-list"]
    worker()
    assert shop("job", "wait", "d0e7-of-the-list").code == 7
    assert shop("dead", "ls", *find).lines() == ["d0e7-of-the-list"]
    assert store.client.zscore(store.keys.indexed("default", "charge|order"), "d0e7-of-the-list")
    told = shop("job", "ls", *find[:2], "--explain", "-o", "json").json()
    assert told["served_by"] == ["the index of args.order of charge: 1 job is read"]


def test_lines_of_a_file_are_indexed(shop: Cli) -> None:
    assert shop("index", "build", "charge").code == 0
    assert shop("enqueue", "charge", "--from", "-", input='{"order": 1}\n{"order": 2}\n{}\n').code == 0
    assert states(shop) == {"order": "complete", "customer.id": "complete"}
    assert len(shop("job", "ls", "job:charge", "args.order=2", "-o", "name").lines()) == 1


def test_doctor_says_what_an_index_misses(shop: Cli, store: Store) -> None:
    def check() -> tuple[str, str]:
        [row] = [row for row in shop("doctor", "-o", "json").json() if row["check"] == "indexes"]
        return row["status"], row["found"]

    assert check()[0] == "ok"
    assert shop("enqueue", "greet", "name=x").code == 0
    assert check()[0] == "warn"
    assert "jobctl index build charge" in shop("triage").out
    assert shop("index", "build", "charge").code == 0
    job_id = shop("enqueue", "charge", "order=1").lines()[0]
    assert check()[0] == "ok"
    store.client.zrem(store.keys.indexed("default", "charge|order"), job_id)
    assert check() == ("warn", "indexes are not complete: charge on order (misses jobs)")
    store.client.delete(store.keys.indexed("default", "charge|order"))
    assert check() == ("warn", "indexes are not complete: charge on order (incomplete)")
    assert shop("index", "build", "charge").code == 0
    assert check()[0] == "ok"


def test_dead_letters_are_counted_by_the_index(shop: Cli, store: Store, worker: Callable[[], None]) -> None:
    assert shop("enqueue", "charge", "--from", "-", input='{"order": 1}\n{"order": 1}\n{"order": "2"}\n{}\n').code == 0
    body = codec.encode(codec.Body("default", "charge", [], {"order": 2}, {}, "own", 0))
    store.client.hset(store.keys.bodies("default"), "listed", body)
    store.client.rpush(store.keys.ready("default"), "listed")
    worker()
    assert shop("job", "wait", *shop("job", "ls", "-o", "name").lines()).code == 7

    def counted(*words: str) -> dict[str | None, int]:
        rows = shop("dead", "ls", "job:charge", *words, "--by", "args.order", "-o", "json").json()
        return {row["value"]: row["count"] for row in rows}

    assert counted() == {"1": 2, "2": 2, None: 1}
    store.client.hdel(store.keys.archive("default"), "nobody")
    [first] = shop("dead", "ls", "args.order=1", "--limit", "1", "-o", "name").lines()
    assert shop("dead", "discard", first).code == 0
    assert counted() == counted("since:1d") == {"1": 1, "2": 2, None: 1}  # by the index, and by reading
    assert shop("dead", "restore", first).code == 0
    assert counted() == {"1": 2, "2": 2, None: 1}
    assert shop("index", "build", "charge").code == 0
    assert counted() == {"1": 2, "2": 2, None: 1}
    assert shop("dead", "retry", "job:charge", "--yes", "--max", "9").code == 0
    assert counted() == counted("since:1d")


def test_an_index_is_dropped_and_unknown_ones_are_refused(shop: Cli) -> None:
    assert shop("index", "drop", "none").code == 4
    assert shop("index", "build", "charge").code == 0
    dropped = shop("index", "drop", "charge", "--key", "order")
    assert (dropped.code, dropped.err) == (0, "dropped the index of charge on order: 0 entries\n")
    assert states(shop) == {"order": "complete", "customer.id": "complete"}
    assert shop("index", "build", "greet").code == 2
    assert shop("index", "build", "none").code == 4


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("python: 'm:f', index: [a, b, c, d, e, f]", "at most 5"),
        ("python: 'm:f', index: [nope], payload: {properties: {order: {type: string}}}", "no key `nope`"),
        ("python: 'm:f', index: ['a..b']", "expected"),
        ("python: 'm:f', index: order", "expected a list"),
    ],
)
def test_a_key_that_cannot_be_indexed_is_a_problem_of_the_catalog(job: str, says: str) -> None:
    with pytest.raises(CatalogError) as caught:
        load_text(f"version: 1\njobs: {{a: {{{job}}}}}\n", "jobs.yaml")
    assert any(says in str(problem) for problem in caught.value.problems)


def test_filters_are_completed(shop: Cli) -> None:
    def offered(words: str) -> list[str]:
        asked = {"_JOBCTL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": f"jobctl {words}"}
        return [word.replace("\\", "") for word in re.findall(r'"([^"]+)"', shop(env=asked).out)]

    assert offered("job ls args.") == ["args.order=", "args.customer.id="]
    assert offered("job ls args.order=") == []
    for value in ("a1", "a2", "b1", "$(reboot)"):
        assert shop("enqueue", "charge", f"order={value}").code == 0
    assert offered("job ls args.order=") == ["args.order=a1", "args.order=a2", "args.order=b1"]
    assert offered("job ls args.order=a") == ["args.order=a1", "args.order=a2"]
    assert offered("job ls job:ch") == ["job:charge"]
    assert offered("dead ls sta") == ["state:"]
    assert offered("job ls state:wa") == ["state:waiting"]


def test_groups_tell_which_values_their_dead_letters_have(shop: Cli, worker: Callable[[], None]) -> None:
    lines = "".join(f'{{"order": "{"acme" if n < 4 else "beta"}"}}\n' for n in range(5))
    assert shop("enqueue", "charge", "--from", "-", input=lines).code == 0
    ids = shop("job", "ls", "-o", "name").lines()
    worker()
    assert shop("job", "wait", *ids).code == 7
    [group] = shop("dead", "groups", "-o", "json").json()
    told = {(row["what"], row["value"]): (row["count"], row["of"]) for row in group["top"] if row["what"] != "host"}
    assert told == {("args.order", "acme"): (4, 5), ("args.order", "beta"): (1, 5)}
    assert [row["count"] for row in group["top"] if row["what"] == "host"] == [5]
    assert "of the latest 5: order: acme 4, beta 1; host: " in shop("dead", "groups").out
