"""Housekeeping in bounded pieces, and only of what is one's own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
import redis

from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import Catalog, JobType, Keep, Queue
from jobctl.engine.liveness import chores as module
from jobctl.engine.liveness.chores import Chores
from jobctl.engine.liveness.known import Cataloged
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.data.codec import Body, encode
from jobctl.store.nouns import trimming
from jobctl.store.nouns.stock import BATCH
from jobctl.store.wire.bounds import EVENTS_KEPT, EVER
from tests.engine.test_liveness import Clock
from tests.store.moves import QUEUE, Moves

SECRET = "ada@example.com"
OWN = Catalog(
    jobs={"act": JobType(name="act", handler=PythonSpec("x:y"), queue=QUEUE)},
    queues={QUEUE: Queue(QUEUE, Keep(completed_ms=60_000, count=2))},
)
EMPTY = Catalog()


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    store = Store(redis_client, "test")
    store.queues.register([QUEUE, "others"])
    return store


@pytest.fixture
def moves(store: Store) -> Moves:
    return Moves(store)


def chores(store: Store, catalog: Catalog = OWN) -> Chores:
    known = Cataloged(catalog)
    store.rules = known.redacted
    return Chores(store, lambda: known, store.processes.now_ms)


def finish(work: Chores, queues: tuple[str, ...] = (QUEUE, "others")) -> int:
    """Work until nothing is left; returns how often it took."""
    for number in range(1, 1_000):
        if not work.work(queues, 0.0):
            return number
    raise AssertionError("it never ends")


def letters(store: Store, count: int, *, actor: str = "act", queue: str = QUEUE, first: int = 0) -> None:
    """What a stock worker left dead: it failed with a secret in its message."""
    pipe = store.client.pipeline()
    for number in range(first, first + count):
        job_id = f"{actor}-{number}"
        options = {"redis_message_id": job_id, "traceback": f'Traceback:\n  File "x.py"\nBoom: no {SECRET}'}
        body = encode(Body(queue, actor, [], {"to": SECRET}, options, job_id, 1))
        pipe.zadd(store.keys.stock_dead(queue), {job_id: 1_000 + number})
        pipe.hset(store.keys.stock_dead_bodies(queue), job_id, body)
    pipe.execute()


def make_late(store: Store, queue: str = QUEUE) -> None:
    """Everything in a queue that expires has expired."""
    key = store.keys.expiring(queue)
    store.client.zadd(key, dict.fromkeys(store.client.zrange(key, 0, -1), 1))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_long_inbox_is_taken_in_by_bounded_pieces(store: Store) -> None:
    letters(store, 12 * BATCH)
    work, lefts = chores(store), [12 * BATCH]
    while work.work([QUEUE], 0.0):
        lefts.append(store.stock.count_dead(QUEUE))
    pieces = [before - after for before, after in pairwise(lefts)]
    assert (max(pieces), sum(pieces)) == (BATCH, 12 * BATCH)
    assert store.dead.count(QUEUE) == 12 * BATCH


def test_a_long_inbox_holds_up_neither_another_queue_nor_another_chore(store: Store, moves: Moves) -> None:
    letters(store, 20 * BATCH)
    letters(store, 1, queue="others", actor="x")
    moves.enqueue("due", queue="others", at_ms=1)
    moves.enqueue("late", expires_ms=60_000)
    make_late(store)
    catalog = Catalog(
        jobs={**OWN.jobs, "x": JobType(name="x", handler=PythonSpec("x:y"), queue="others")},
        queues={**OWN.queues, "others": Queue("others")},
    )
    work = chores(store, catalog)
    for _ in range(12):
        work.work([QUEUE, "others"], 0.0)
    assert store.stock.count_dead("others") == 0
    assert (moves.state("due", "others"), moves.state("late")) == ("waiting", "dead")
    assert store.stock.count_dead(QUEUE) > 10 * BATCH


def test_a_budget_is_kept(store: Store, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    letters(store, 20 * BATCH)
    take = store.stock.take_dead

    def slowly(*args: Any, **options: Any) -> Any:
        time.at += 0.06
        return take(*args, **options)

    monkeypatch.setattr(store.stock, "take_dead", slowly)
    assert chores(store).work([QUEUE], 0.2)
    assert store.stock.count_dead(QUEUE) == 16 * BATCH


def test_what_is_done_begins_anew_at_the_next_sweep_though_others_are_under_way(
    store: Store, moves: Moves, time: Clock
) -> None:
    letters(store, 20 * BATCH)
    work = chores(store)
    for _ in range(8):
        assert work.work([QUEUE, "others"], 0.0)
    moves.enqueue("due", queue="others", at_ms=1)
    time.at += module.EVERY_S
    for _ in range(8):
        assert work.work([QUEUE, "others"], 0.0)
    assert moves.state("due", "others") == "waiting"


def test_after_an_outage_it_begins_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    letters(store, 3 * BATCH)
    work = chores(store)
    with monkeypatch.context() as away:

        def unreachable(*_args: object, **_options: object) -> None:
            raise RedisUnavailable("away")

        away.setattr(store.stock, "take_dead", unreachable)
        with pytest.raises(RedisUnavailable):
            finish(work)
    finish(work)
    assert store.dead.count(QUEUE) == 3 * BATCH


@pytest.mark.parametrize("catalog", [EMPTY, Catalog(jobs=OWN.jobs, queues={"elsewhere": Queue("elsewhere")})])
def test_letters_in_a_queue_of_others_are_left_to_them(store: Store, catalog: Catalog) -> None:
    letters(store, 3)
    finish(chores(store, catalog))
    assert store.stock.count_dead(QUEUE) == 3
    assert not store.client.exists(store.keys.records(QUEUE), store.keys.groups(QUEUE), store.keys.archive(QUEUE))


def test_letters_of_types_of_others_are_passed_over(store: Store) -> None:
    letters(store, BATCH + 50, actor="theirs")
    letters(store, 10, first=900)
    finish(chores(store))
    assert (store.stock.count_dead(QUEUE), store.dead.count(QUEUE)) == (BATCH + 50, 10)
    kept = str([store.client.hgetall(key) for key in store.client.keys("test:@*") if store.client.type(key) == b"hash"])
    assert "theirs" not in kept


def test_letters_of_others_are_not_read_again_and_again(store: Store, time: Clock) -> None:
    letters(store, module.MANY + 1, actor="theirs")
    work = chores(store)
    first = finish(work)
    letters(store, 1, first=5_000)
    time.at += module.EVERY_S
    assert finish(work) <= first - module.MANY // BATCH - 1
    assert store.dead.count(QUEUE) == 0
    time.at += module.PATIENCE_S
    finish(work)
    assert store.dead.count(QUEUE) == 1


def test_what_expires_is_dead_if_its_type_is_known_and_left_alone_otherwise(store: Store, moves: Moves) -> None:
    moves.enqueue(*(f"t{n}" for n in range(250)), type="theirs", expires_ms=60_000)
    moves.enqueue("mine", expires_ms=60_000)
    moves.enqueue("elsewhere", queue="others", expires_ms=60_000)
    make_late(store)
    make_late(store, "others")
    finish(chores(store))
    assert moves.state("mine") == "dead"
    assert {moves.state(f"t{n}") for n in range(250)} == {"waiting"}
    assert moves.state("elsewhere", "others") == "waiting"
    assert store.client.hlen(store.keys.records(QUEUE)) == 1


def test_ended_jobs_are_trimmed_as_the_catalog_says_and_those_of_others_are_not(store: Store, moves: Moves) -> None:
    for queue in (QUEUE, "others"):
        moves.enqueue(*(f"j{n}" for n in range(5)), queue=queue)
        moves.complete(*moves.fetch(5, queues=[queue]))
    store.client.zadd(store.keys.completed("others"), {"j0": 1})
    finish(chores(store))
    assert store.client.zcard(store.keys.completed(QUEUE)) == 2
    assert store.client.zcard(store.keys.completed("others")) == 5


def test_the_trash_of_others_expires_all_the_same(store: Store, moves: Moves) -> None:
    moves.enqueue("a", queue="others")
    store.queues.empty("others")
    store.client.zadd(store.keys.trash("others"), {"a": 1})
    finish(chores(store, EMPTY))
    assert moves.state("a", "others") == ""


def emptied(moves: Moves, queue: str, count: int) -> None:
    """Jobs of an emptied queue that have lain in the trash past their time."""
    ids = [f"{queue}{n}" for n in range(count)]
    moves.enqueue(*ids, queue=queue)
    while moves.store.queues.empty(queue)[1]:
        pass
    moves.store.client.zadd(moves.store.keys.trash(queue), dict.fromkeys(ids, 1))


@pytest.mark.parametrize("state", ["cancelled", "trash"])
def test_clean_up_goes_on_until_nothing_is_past_its_time(store: Store, moves: Moves, state: str) -> None:
    """It deleted 500 jobs of a queue in five minutes."""
    if state == "trash":
        emptied(moves, QUEUE, 3_000)
    else:
        ids = [f"j{n}" for n in range(3_000)]
        moves.enqueue(*ids)
        moves.cancel(*ids)
        store.client.zadd(store.keys.cancelled(QUEUE), dict.fromkeys(ids, 1))
    finish(chores(store))
    assert store.client.zcard(getattr(store.keys, state)(QUEUE)) == 0


def test_a_large_queue_does_not_keep_others_from_being_cleaned(store: Store, moves: Moves) -> None:
    emptied(moves, QUEUE, 6_000)
    emptied(moves, "others", 1)
    work = chores(store)
    while store.client.exists(store.keys.trash("others")):
        assert work.work((QUEUE, "others"), 0.0)
    assert store.client.exists(store.keys.trash(QUEUE))


def dying(moves: Moves, count: int, queue: str = QUEUE) -> list[str]:
    """Dead letters, each a millisecond older than the next: the last died an hour ago."""
    ids, store = [f"j{n:04}" for n in range(count)], moves.store
    moves.enqueue(*ids, queue=queue)
    for start in range(0, count, 200):
        jobs = moves.fetch(200, queues=(queue,))
        moves.bury(*jobs, group=f"g{start}")
    last = store.processes.now_ms() - 3_600_000
    died = {job_id: last - count + n for n, job_id in enumerate(ids)}
    for key in store.client.scan_iter(f"{store.keys.groups(queue)}:*"):
        store.client.zadd(key, died, xx=True)
    store.client.zadd(store.keys.dead(queue), died)
    return ids


def keeping(keep: Keep) -> Catalog:
    return Catalog(jobs=OWN.jobs, queues={QUEUE: Queue(QUEUE, keep)})


def test_dead_letters_stay_for_ever_unless_the_catalog_says_otherwise(store: Store, moves: Moves) -> None:
    dying(moves, 5)
    finish(chores(store))
    assert store.dead.count(QUEUE) == 5


def test_of_more_dead_letters_than_are_kept_the_oldest_go(store: Store, moves: Moves) -> None:
    ids = dying(moves, 450)
    finish(chores(store, keeping(Keep(dead_count=10))))
    assert [job.id for page in store.dead.scan(QUEUE) for job in page] == ids[:-11:-1]
    assert [group.count for group in store.dead.groups(QUEUE)] == [10]


def test_dead_letters_go_when_they_are_too_old(store: Store, moves: Moves) -> None:
    dying(moves, 450)
    finish(chores(store, keeping(Keep(dead_ms=7_200_000))))
    assert store.dead.count(QUEUE) == 450
    finish(chores(store, keeping(Keep(dead_ms=1_800_000))))
    assert store.dead.count(QUEUE) == 0
    assert not store.dead.groups(QUEUE)


def test_dead_letters_of_a_queue_that_the_catalog_does_not_have_stay(store: Store, moves: Moves) -> None:
    dying(moves, 5, "others")
    finish(chores(store, msgspec.structs.replace(OWN, default_keep=Keep(dead_count=0))))
    assert store.dead.count("others") == 5


def test_what_is_dropped_is_told(store: Store, moves: Moves) -> None:
    ids = dying(moves, 5)
    finish(chores(store, keeping(Keep(dead_count=2))))
    told = [event for event in store.events.recent()[0] if event.event == "dropped"]
    assert [(event.id, event.type, event.error) for event in told] == [(job_id, "act", "Boom") for job_id in ids[:3]]
    [entry] = store.audit.recent()
    assert (entry.action, entry.target, entry.changed) == ("keep", f"queue:{QUEUE}", 3)
    dropped = trimming.dropped(store, [QUEUE, "others"])
    assert {queue: found.count for queue, found in dropped.items()} == {QUEUE: 3}


def test_a_letter_that_is_dropped_is_known_for_a_while(store: Store, moves: Moves) -> None:
    """A client that repeats an enqueue does not run the job again."""
    moves.enqueue("a")
    moves.bury(*moves.fetch())
    finish(chores(store, keeping(Keep(dead_count=0))))
    assert store.dead.count(QUEUE) == 0
    assert moves.enqueue("a") == [False]


def test_a_letter_that_was_retried_meanwhile_is_not_dropped(store: Store, moves: Moves) -> None:
    dying(moves, 3)
    store.jobs.revive(QUEUE, [("j0000", "g0")])
    rows = [part for job_id in ("j0000", "j0001", "j0002") for part in (job_id, "g0", b"")]
    assert store.run("trim", QUEUE, QUEUE, EVER, 1, 0, EVENTS_KEPT, *rows) == [3, 1]
    assert [moves.state(f"j{n:04}") for n in range(3)] == ["waiting", "", "dead"]
