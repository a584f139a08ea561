"""Unique keys, limits and expiry as a producer meets them: command line and client."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

import jobctl
from jobctl import clock
from jobctl.client import Client
from jobctl.errors import Conflict, UsageError
from jobctl.store import Store
from jobctl.store.data.found import Found
from tests.support import PATIENCE_S, Cli

CATALOG = """
version: 1
namespace: lab
queues: {limited: {concurrency: 5}, brief: {keep: {completed: 0s}}}
defaults: {retries: {max: 0}}
jobs:
  skip: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}"}}
  fail: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}", on_conflict: fail}}
  swap: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}", on_conflict: replace}}
  debounce: {python: "tests.commands.work_tasks:greet", unique: {key: all, for: 1h, on_conflict: extend}}
  throttle: {python: "tests.commands.work_tasks:greet", unique: {key: all, for: 1h, on_conflict: replace}}
  weekly: {python: "tests.commands.work_tasks:greet", unique: {key: "{{ name }}", for: 7d}}
  daily: {python: "tests.commands.work_tasks:greet", queue: brief, unique: {key: "{{ name }}", for: 24h}}
  limited:
    python: "tests.commands.work_tasks:greet"
    queue: limited
    rate_limit: {rate: 5/s, key: "{{ name }}"}
  short: {python: "tests.commands.work_tasks:greet", expires: 1h}
"""


@pytest.fixture
def shop(lab: Cli) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    return lab


@pytest.fixture
def client(shop: Cli, redis_url: str) -> Client:
    return jobctl.connect(shop.cwd / "jobs.yaml", redis_url)


def found(store: Store, job_id: str) -> Found:
    job = store.jobs.find(job_id)
    assert job is not None
    return job


def enqueue(shop: Cli, *args: str) -> str:
    done = shop("enqueue", *args)
    assert done.code == 0, done.err
    return done.out.strip()


def due_in(store: Store, job_id: str) -> float:
    """Hours until a delayed job is due."""
    job = found(store, job_id)
    assert job.state == "delayed"
    return (float(job.detail) - clock.now_ms()) / 3_600_000


def test_a_skipped_job_prints_the_holders_id_and_says_what_it_does(shop: Cli, store: Store) -> None:
    first = enqueue(shop, "skip", "name=a")
    again = shop("enqueue", "skip", "name=a", "n=2")
    other = shop("enqueue", "skip", "name=b")

    assert (again.code, again.out) == (0, f"{first}\n")
    assert again.err == f"not enqueued: the unique key 'a' of `skip` is held by job {first} (waiting)\n"
    assert (other.err, other.out != again.out) == ("", True)
    assert store.queues.depth(["default"])[0].waiting == 2


def test_the_record_tells_what_became_of_the_job(shop: Cli) -> None:
    first = shop("enqueue", "skip", "name=a", "-o", "json").json()
    again = shop("enqueue", "skip", "name=a", "-o", "json").json()
    swapped = [shop("enqueue", "swap", "name=a", "-o", "json").json() for _ in range(2)]
    known = [shop("enqueue", "skip", "name=b", "--id", "x", "-o", "json").json() for _ in range(2)]

    def told(record: dict[str, object]) -> tuple[object, ...]:
        return record["outcome"], record["holder"], record["replaced"]

    assert told(first) == ("enqueued", None, None)
    assert (again["id"], *told(again)) == (first["id"], "skipped", first["id"], None)
    assert told(swapped[1]) == ("replaced", None, swapped[0]["id"])
    assert [told(record)[0] for record in known] == ["enqueued", "known"]


@pytest.mark.parametrize("options", [[], ["-o", "json"], ["--wait"]])
def test_a_conflict_is_exit_8_and_one_line_that_names_the_holder(shop: Cli, store: Store, options: list[str]) -> None:
    first = enqueue(shop, "fail", "name=a")
    again = shop("enqueue", "fail", "name=a", *options)

    assert (again.code, again.out) == (8, "")
    assert again.err.startswith(f"jobctl: not enqueued: the unique key 'a' of `fail` is held by job {first}; ")
    assert again.err.count("\n") == 1
    assert store.queues.depth(["default"])[0].waiting == 1


def test_a_replaced_job_is_cancelled_and_said(shop: Cli, store: Store) -> None:
    first = enqueue(shop, "swap", "name=a")
    done = shop("enqueue", "swap", "name=a")

    assert done.err == f"job {done.out.strip()} replaces job {first}, which is cancelled\n"
    assert (found(store, first).state, found(store, first).record.error) == ("cancelled", "Replaced")
    assert found(store, done.out.strip()).state == "waiting"


def test_debounce_begins_anew_and_throttle_keeps_the_time(shop: Cli, store: Store) -> None:
    for name, hours in (("debounce", 1.0), ("throttle", 0.5)):
        first = enqueue(shop, name, "name=a")
        assert due_in(store, first) == pytest.approx(1.0, abs=0.01)
        store.client.zadd("lab:@delayed:default", {first: clock.now_ms() + 1_800_000})
        last = enqueue(shop, name, "name=b")
        assert due_in(store, last) == pytest.approx(hours, abs=0.01)
        assert found(store, first).state == "cancelled"


def test_a_time_of_its_own_wins_over_the_window(shop: Cli, store: Store) -> None:
    assert due_in(store, enqueue(shop, "debounce", "name=a", "--delay", "2h")) == pytest.approx(2.0, abs=0.01)
    at = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    assert due_in(store, enqueue(shop, "debounce", "name=a", "--at", at[:19] + "Z")) == pytest.approx(3.0, abs=0.01)


def test_waiting_for_a_skipped_job_is_waiting_for_the_holder(shop: Cli, worker: Callable[[], None]) -> None:
    first = enqueue(shop, "skip", "name=a", "--delay", "1h")
    worker()
    process = shop.start("enqueue", "skip", "name=a", "--wait", "-o", "json")
    assert process.stderr is not None
    try:
        assert f"is held by job {first} (delayed)" in process.stderr.readline()
        assert shop("job", "promote", first).code == 0
        record = json.loads(process.communicate(timeout=PATIENCE_S)[0])
    finally:
        process.kill()
    assert process.returncode == 0
    assert (record["id"], record["state"], record["outcome"]) == (first, "completed", "skipped")


def test_the_key_is_free_when_the_job_has_completed_unless_it_is_held_for_a_time(
    shop: Cli, worker: Callable[[], None]
) -> None:
    worker()
    for name, same in (("skip", False), ("weekly", True)):
        first = enqueue(shop, name, "name=a")
        assert shop("job", "wait", first).code == 0
        again = shop("enqueue", name, "name=a")
        assert (again.code, again.out == f"{first}\n") == (0, same)


def test_a_holder_that_is_not_kept_any_more_still_holds_its_key(
    shop: Cli, client: Client, worker: Callable[[], None]
) -> None:
    worker()
    first = enqueue(shop, "daily", "name=a")
    shop("job", "wait", first)
    again = shop("enqueue", "daily", "name=a")
    record = shop("enqueue", "daily", "name=a", "-o", "json").json()

    assert (again.code, again.out) == (0, f"{first}\n")
    assert "(ended, and no longer kept)" in again.err
    assert (record["id"], record["state"], record["outcome"], record["payload"]) == (
        first,
        "completed",
        "skipped",
        None,
    )
    assert client.enqueue("daily", {"name": "a"}).id == first


def lines_of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


A, B = '{"type": "fail", "payload": {"name": "a"}}', '{"type": "fail", "payload": {"name": "b"}}'
SKIP, SWAP = '{"type": "skip", "payload": {"name": "a"}}', '{"type": "swap", "payload": {"name": "a"}}'


def test_lines_that_are_refused_for_their_key_are_named_and_exit_8(shop: Cli) -> None:
    done = shop("enqueue", "--from", "-", input=lines_of(A, SKIP, SKIP, B, A, SWAP, SWAP))

    ids = done.lines()
    assert (done.code, len(ids)) == (8, 6)
    assert ids[1] == ids[2]
    assert f"line 5: not enqueued: the unique key 'a' of `fail` is held by job {ids[0]}" in done.err
    assert (
        "6 lines accepted (1 skipped: another job holds their unique key, 1 replaced another job), 1 refused"
        in done.err
    )


def test_other_bad_lines_are_worse_than_conflicts(shop: Cli) -> None:
    done = shop("enqueue", "--from", "-", "-o", "json", input=lines_of(A, A, "broken", SKIP, SKIP))

    assert done.code == 1
    assert done.json() == {"matched": 5, "changed": 2, "skipped": 1, "failed": 2}
    assert [line.split(":")[0] for line in done.err.splitlines()[:2]] == ["line 2", "line 3"]


def test_skipped_lines_alone_are_no_failure_and_are_waited_for(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    done = shop("enqueue", "skip", "--from", "-", "--wait", input=lines_of('{"name": "a"}', '{"name": "a"}'))

    assert done.code == 0, done.err
    assert len(set(done.lines())) in (1, 2)  # the first may have completed before the second came


def test_a_payload_without_the_key_is_refused_before_anything_is_written(shop: Cli, store: Store) -> None:
    for name, what in (("skip", "`unique`"), ("limited", "`rate_limit`")):
        done = shop("enqueue", name, "n=1")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"jobctl: the key of {what} cannot be rendered from this payload of `{name}`: ")
        assert "| default('none')" in done.err
        assert done.err.count("\n") == 1
    assert store.client.keys("*") == []


def test_limits_and_expiry_stand_beside_the_job(shop: Cli, store: Store) -> None:
    assert found(store, enqueue(shop, "limited", "name=a")).lane == "r:limited|a\nC"
    hours = [(found(store, job_id).expires_ms - clock.now_ms()) / 3_600_000 for job_id in (
        enqueue(shop, "short", "name=a"),
        enqueue(shop, "short", "name=a", "--expires", "2h"),
        enqueue(shop, "skip", "name=a", "--expires", "3h", "--delay", "1h"),
        shop("enqueue", "-", "--from", "-", "--expires", "9h",
             input='{"type": "short", "payload": {"name": "a"}, "expires": "4h"}\n').out.strip(),
    )]  # fmt: skip
    assert hours == pytest.approx([1, 2, 3, 4], abs=0.01)


def test_a_job_with_limits_and_an_expiry_runs(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    ids = [enqueue(shop, "limited", "name=a", "--expires", "1m") for _ in range(2)]
    assert shop("job", "wait", *ids, "--timeout", "60s").code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--expires", "5"], "expires: expected a duration"),
        (["--expires", "0s"], "above zero"),
        (["--expires", "1h", "--delay", "1h"], "would expire before it starts: it expires 1h after"),
        (["--expires", "1m", "--at", "2100-01-01T00:00Z"], "would expire before it starts"),
        (["--delay", "2h"], "would expire before it starts"),
    ],
)
def test_a_job_that_could_never_start_is_refused(shop: Cli, store: Store, args: list[str], says: str) -> None:
    done = shop("enqueue", "short", "name=a", *args)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert says in done.err
    assert store.client.keys("*") == []


def test_run_knows_no_unique_key(shop: Cli) -> None:
    enqueue(shop, "fail", "name=a")
    assert [shop("run", "fail", "name=a").code for _ in range(2)] == [0, 0]


def test_the_client_gives_the_holder_or_raises_a_conflict_that_names_it(client: Client) -> None:
    first = client.enqueue("skip", {"name": "a"})
    assert client.enqueue("skip", {"name": "a", "n": 2}) == first
    held = client.enqueue("fail", {"name": "a"})
    with pytest.raises(Conflict) as caught:
        client.enqueue("fail", {"name": "a"})
    assert (caught.value.holder, caught.value.exit_code) == (held.id, 8)
    one, two = client.enqueue("swap", {"name": "a"}), client.enqueue("swap", {"name": "a"})
    assert (client.job(one.id).state, client.job(two.id)) == ("cancelled", two)


def test_the_client_tells_the_state_that_the_store_has(client: Client) -> None:
    job = client.enqueue("limited", {"name": "a"})
    assert (job.state, client.job(job.id)) == ("limited", job)


def test_many_give_the_holders_ids_and_a_conflict_stops_none_of_the_others(client: Client) -> None:
    names = [{"name": name} for name in ("a", "b", "a")]
    ids = client.enqueue_many("skip", names)
    assert (ids[0] == ids[2], len(set(ids))) == (True, 2)
    with pytest.raises(Conflict):
        client.enqueue_many("fail", [*names, {"name": "c"}])
    with pytest.raises(Conflict):
        client.enqueue("fail", {"name": "c"})


def test_the_client_takes_an_expiry_and_refuses_what_is_none(client: Client, store: Store) -> None:
    job = client.enqueue("skip", {"name": "a"}, expires=60)
    assert found(store, job.id).expires_ms - clock.now_ms() == pytest.approx(60_000, abs=5_000)
    for expires in (0, -1, "soon"):
        with pytest.raises(UsageError, match="expires"):
            client.enqueue("skip", {"name": "b"}, expires=expires)
