"""Jobs that wait come into the lanes that new limits give them: each at its place, none lost."""

from __future__ import annotations

import pytest

from jobctl.catalog.load import load_text
from jobctl.catalog.model import Catalog
from jobctl.engine.liveness.known import Cataloged
from jobctl.engine.liveness.relaning import Relaning
from jobctl.store import Store
from jobctl.store.nouns.deployed import PAGE
from jobctl.store.nouns.processes import ProcessInfo
from tests.store import limits
from tests.store.hourglass import HOUR
from tests.store.moves import QUEUE, Moves


def test_jobs_keep_their_order_in_another_lane_and_how_long_they_have_waited(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", lane="r:act")
    moves.enqueue("c", lane="c:act")
    since = store.client.zrange(store.keys.limited(QUEUE), 0, -1, withscores=True)
    assert moves.relane("c:act", "b", "a") == 2
    assert store.client.zrange(store.keys.limited(QUEUE), 0, -1, withscores=True) == since
    assert moves.fetch_ids(5) == ["a", "b", "c"]


def test_jobs_without_limits_now_are_before_those_that_came_after_them(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", lane="r:act")
    moves.enqueue("urgent", lane="r:act", priority=-5)
    moves.enqueue("c")
    assert moves.relane("", "b", "a", "urgent") == 3
    assert {moves.state(i) for i in ("a", "b", "urgent")} == {"waiting"}
    assert moves.fetch_ids(5) == ["urgent", "a", "b", "c"]


def test_a_job_that_has_gone_on_meanwhile_stays_where_it_is(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c", lane="r:act")
    moves.fetch(1)
    moves.cancel("b")
    store.deployed.relane(QUEUE, [("c", "r:act", "c:act")])
    rows = [("a", "r:act", "R"), ("b", "r:act", "R"), ("c", "r:act", "R"), ("unknown", "r:act", "R")]
    assert store.deployed.relane(QUEUE, rows) == 0
    assert [moves.state(i) for i in "abc"] == ["running", "cancelled", "limited"]


# The walk


def catalog(rules: str) -> Catalog:
    return load_text(f"version: 1\nqueues: {{{QUEUE}: {{}}}}\njobs: {{act: {{python: 'm:f', queue: {QUEUE}{rules}}}}}")


def process(store: Store, name: str, now: Catalog) -> Relaning:
    """A supervisor that lives and works with a catalog."""
    store.processes.beat(
        ProcessInfo(name=name, kind="worker", host="h", pid=1, queues=(QUEUE,), processes=1, threads=1, started_ms=0)
    )
    known = Cataloged(now)
    return Relaning(store, lambda: known, lambda: name)


def finish(work: Relaning) -> None:
    for _ in work.begin([QUEUE]):
        pass


def lanes(store: Store) -> dict[str, int]:
    return {lane: len(ids) for lane, ids in limits.read(store, QUEUE).lanes.items()}


def test_a_walk_that_is_cut_short_is_gone_on_with_by_another(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    ids = [f"j{n:03}" for n in range(3 * PAGE)]
    moves.enqueue(*ids, lane="r:act")
    rules = ", rate_limit: {rate: 1/h, key: '{{ n }}'}"
    cut = process(store, "cut", catalog(rules.replace("{{ n }}", "{{ n | default(1) }}"))).begin([QUEUE])
    for _ in range(3):
        next(cut)
    assert 0 < lanes(store)["0|r:act|1"] < len(ids)
    other = process(store, "other", catalog(rules.replace("{{ n }}", "{{ n | default(1) }}")))
    finish(other)
    assert lanes(store)["0|r:act"] > 0, "somebody else is at it"
    store.client.delete(store.keys.following(QUEUE))
    finish(other)
    assert lanes(store) == {"0|r:act|1": len(ids)}
    assert moves.fetch_ids(5) == ids[:1]


def test_a_limit_stays_as_long_as_a_living_process_has_it(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", lane="r:act")
    moves.fetch(2)
    old = process(store, "old", catalog(", rate_limit: 1/h"))
    new = process(store, "new", catalog(""))
    finish(new)
    assert "r:act" in store.limits.defined(QUEUE), "one has not said what it has"
    finish(old)
    finish(new)
    assert "r:act" in store.limits.defined(QUEUE)
    store.processes.leave("old")
    finish(new)
    assert store.limits.defined(QUEUE) == set()


def test_types_of_others_stay_as_they_are(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:other": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", lane="r:other", type="other")
    finish(process(store, "me", catalog("")))
    assert store.limits.defined(QUEUE) == {"r:other"}
    assert lanes(store) == {"0|r:other": 1}


@pytest.mark.parametrize("rules", ["", ", concurrency: {max: 1, key: '{{ missing }}'}"])
def test_a_job_that_waits_for_a_pause_or_has_no_key_stays_where_it_is(moves: Moves, store: Store, rules: str) -> None:
    moves.enqueue("a", lane="p:act")
    finish(process(store, "me", catalog(rules)))
    assert lanes(store) == {"0|p:act": 1}
