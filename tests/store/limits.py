"""What must be true of the limits of a queue between any two steps (I8 and I9 of invariants.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from jobctl.store import Store


@dataclass(frozen=True)
class Lines:
    """Who waits where, by name; read in one transaction."""

    lanes: dict[str, set[str]]
    buckets_of: dict[str, str]
    priorities: dict[str, int]
    limited: set[str]
    running: set[str]
    turns: set[str]
    holds: set[str]
    lines: dict[str, set[str]]
    slots: dict[str, int]
    parked: dict[str, int]
    backlog: dict[str, dict[str, int]]


def violations(store: Store, queue: str) -> Iterator[str]:
    """Every violation in a queue."""
    view = read(store, queue)
    in_lanes = {i for ids in view.lanes.values() for i in ids}
    if in_lanes != view.limited:
        yield f"I8: limited and in lanes differ: {sorted(in_lanes ^ view.limited)[:5]}"
    for lane, ids in view.lanes.items():
        if strangers := [i for i in ids if f"{view.priorities.get(i, 0)}|{view.buckets_of.get(i)}" != lane]:
            yield f"I8: in another's lane: {strangers[:5]}"
        places = [bucket for bucket, lanes in view.lines.items() if lane in lanes]
        if len(places) + (lane in view.turns) != 1:
            yield f"I8: lane {lane!r} is in {len(places)} lines, and {'' if lane in view.turns else 'not '}in turns"
        if any(bucket not in _buckets(lane) for bucket in places):
            yield f"I8: lane {lane!r} waits for a bucket that is not its own: {places}"
    for lane in {lane for lanes in view.lines.values() for lane in lanes} | view.turns:
        if lane not in view.lanes:
            yield f"I8: lane {lane!r} is empty and waits"
    if view.holds != view.lines.keys():
        yield f"I8: holds and lines differ: {sorted(view.holds ^ view.lines.keys())[:5]}"
    yield from _counts(view)


def _counts(view: Lines) -> Iterator[str]:
    used = Counter(
        bucket
        for job_id in view.running
        for bucket in view.buckets_of.get(job_id, "").split("\n")
        if bucket[:1] in ("c", "C")
    )
    if dict(used) != view.slots:
        yield f"I9: slots {view.slots}, running {dict(used)}"
    waits = Counter(bucket for lane, ids in view.lanes.items() for bucket in _buckets(lane) for _ in ids)
    limits: Counter[str] = Counter()
    for bucket, count in waits.items():
        limits[bucket.partition("|")[0]] += count
    if dict(limits) != view.parked:
        yield f"I9: counted as waiting {view.parked}, waiting {dict(limits)}"
    backlog = {limit + key: n for limit, keys in view.backlog.items() for key, n in keys.items()}
    if backlog != dict(waits):
        yield f"I9: counted by key {backlog}, waiting {dict(waits)}"


def _buckets(lane: str) -> list[str]:
    return lane.partition("|")[2].split("\n")


def read(store: Store, queue: str) -> Lines:
    """The lanes of a queue."""
    keys, client = store.keys, store.client
    base = keys.of_limits(queue, "")
    found = [key.decode() for key in client.scan_iter(f"{base}*", count=1000)]
    named = {kind: [k for k in found if k.startswith(f"{base}{kind}:")] for kind in ("lane", "line", "backlog")}
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(keys.lanes(queue)).hgetall(keys.priorities(queue)).zrange(keys.limited(queue), 0, -1).hkeys(
        keys.running(queue)
    )
    pipe.zrange(f"{base}turns", 0, -1).zrange(f"{base}holds", 0, -1).hgetall(f"{base}slots").hgetall(f"{base}parked")
    for key in (*named["lane"], *named["line"], *named["backlog"]):
        pipe.zrange(key, 0, -1, withscores=True)
    got = iter(pipe.execute())
    buckets_of = {i.decode(): buckets.decode() for i, buckets in next(got).items()}
    priorities = {i.decode(): int(priority) for i, priority in next(got).items()}
    sets = [{i.decode() for i in next(got)} for _ in range(4)]
    counts = [{name.decode(): int(n) for name, n in next(got).items()} for _ in range(2)]
    scored = {
        kind: {k.removeprefix(f"{base}{kind}:"): {i.decode(): int(n) for i, n in next(got)} for k in named[kind]}
        for kind in named
    }
    members = {kind: {name: set(ids) for name, ids in scored[kind].items() if ids} for kind in ("lane", "line")}
    backlog = {limit: keys_ for limit, keys_ in scored["backlog"].items() if keys_}
    return Lines(
        lanes=members["lane"],
        buckets_of=buckets_of,
        priorities=priorities,
        limited=sets[0],
        running=sets[1],
        turns=sets[2],
        holds=sets[3],
        lines=members["line"],
        slots=counts[0],
        parked=counts[1],
        backlog=backlog,
    )
