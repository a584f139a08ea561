"""What must be true of Redis between any two steps: `check` names every violation it finds in a namespace.

I1  An id in `.msgs` waits or is in exactly one of the other states of live jobs; of the waiting ones, those
    without a priority are in the list, and LLEN - stale is how many distinct ones there are.
I2  An id in the archive is in exactly one of the states of ended jobs, and the other way round.
I3  No id is both live and archived.
I4  Records, priorities, crashes, lanes, unique keys, message ids, chosen ids and expiry belong to existing
    jobs, logs too; requests to cancel and progress to running ones.
I5  The groups partition the dead letters; the hash of groups names the groups that are not empty.
I6  The index of due times holds a queue if and only if it has jobs that wait for their time, or limits that somebody
    waits for, at no later time than theirs.
I7  (`wakes`) Where jobs wait in a queue that is not paused, or a limit is to be looked at, there is a wake token. True
    after each script; not while a worker has taken the token and not yet fetched, nor after a stock producer, which
    knows no token.
I8  The limited jobs are those in lanes, each in its own. A lane that is not empty is in exactly one place: in `turns`
    or in the line of one of its buckets. A bucket is in `holds` if and only if its line is not empty.
I9  A concurrency's slots are as many as jobs of its lanes run; what is counted as waiting for a limit waits in a lane.
I10 A namespace in which something lies has the number of its layout, and the notice for programs that know no number.
I11 Attempts and results belong to existing jobs. A traceback is kept if and only if attempts name it, and its uses are
    how many do.
I12 Indexes of payload values have existing jobs only.

A stock worker holds its jobs in `__acks__` sets: those count as running. A queue that only stock workers serve is held
to I2, I3 and I5 alone: they end jobs without a word to records and counts. Everything about a queue is read in one
transaction, so the check may run while workers do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from jobctl.store import Store
from jobctl.store.data.states import ALL
from jobctl.store.wire import layout
from tests.store import limits

LIVE_SETS = tuple(p.key for s in ALL if not s.ended and s.name != "waiting" for p in s.places)
"""Where live jobs are that do not wait for a worker alone."""
TIMED_SETS = tuple(p.key for s in ALL if s.moment == "due" for p in s.places)
BESIDE = ("records", "results", "priorities", "crashes", "lanes", "uniques", "messages")
ENDED_SETS = tuple(p.key for s in ALL if s.ended for p in s.places)


@dataclass(frozen=True)
class View:
    """All of a queue, read in one transaction. Scores are kept where a rule needs them."""

    queue: str
    bodies: set[bytes]
    listed: list[bytes]
    stale: int
    ordered: set[bytes]
    live: dict[str, set[bytes]]
    times: list[float]
    archive: set[bytes]
    ended: dict[str, set[bytes]]
    beside: dict[str, set[bytes]]
    cancels: set[bytes]
    progress: set[bytes]
    infos: set[bytes]
    named: set[bytes]
    indexed: set[bytes]
    attempts: dict[bytes, bytes]
    traces: set[bytes]
    trace_uses: dict[bytes, int]
    expiring: set[bytes]
    hold: float | None
    turns: bool
    groups: dict[bytes, set[bytes]]
    due: float | None
    stock: bool
    wakes: int
    paused: bytes | None
    held_by_stock: set[bytes]


def namespaces(client: redis.Redis) -> list[Store]:
    """A store for every namespace that jobctl wrote to."""
    prefixes = {bytes(key).partition(b":@")[0].decode() for key in client.scan_iter("*:@*", count=1000)}
    return [
        Store(client, prefix.strip("{}"), cluster=prefix.startswith("{") and prefix.endswith("}"))
        for prefix in sorted(prefixes)
    ]


def check(store: Store, *, wakes: bool = False) -> list[str]:
    """Every violation in a namespace, each a line that names the queue, the rule and the ids."""
    now = store.processes.now_ms()
    out = []
    for queue in _queues(store):
        view = _view(store, queue)
        out += [f"{queue}: {what}" for what in _violations(view, now, wakes)]
        out += [f"{queue}: {what}" for what in _counted(store, queue)]
        if not view.stock:
            out += [f"{queue}: {what}" for what in limits.violations(store, queue)]
    return out + _logs(store) + _layout(store)


def _counted(store: Store, queue: str) -> Iterator[str]:
    """I12: dead letters are counted by the values that indexes have of them."""
    keys = store.keys
    for name in (raw.decode() for raw in store.client.smembers(keys.index(queue))):
        pipe = store.client.pipeline(transaction=True)
        pipe.zrange(keys.dead(queue), 0, -1).zrange(keys.indexed(queue, name), 0, -1, withscores=True)
        pipe.zrange(keys.indexed(queue, f"*dead|{name}"), 0, -1, withscores=True)
        dead, rows, counted = pipe.execute()
        there = Counter(b"%d" % score for job_id, score in rows if job_id in dead)
        there += Counter({b"*": there.total()})
        if there != dict(counted):
            yield f"I12: {name} counts {dict(counted)}, not {dict(there)}"


def _layout(store: Store) -> list[str]:
    """Read with the namespace's marks: it may be flushed, or written for the first time, while this looks."""
    pipe = store.connection.pipeline(transaction=True)
    pipe.get(store.keys.layout()).exists(*layout.marks(store.keys)).hexists(store.keys.notice(), "*")
    found, marks, notice = pipe.execute()
    if not marks and found is None:
        return []
    return [] if found == str(layout.LAYOUT).encode() and notice else [f"I10: layout {found}, notice {notice}"]


def _logs(store: Store) -> list[str]:
    """Logs of no job. The job may go, and its log with it, while this looks."""
    prefix, found = f"{store.keys.prefix}:@log:", []
    for key in store.client.scan_iter(f"{prefix}*", count=1000):
        queue, _, job_id = key.decode().removeprefix(prefix).partition(":")
        if store.jobs.find(job_id, [queue]) is None and store.client.exists(key):
            found.append(f"{queue}: I4: a log of no job: {job_id}")
    return found


def _queues(store: Store) -> list[str]:
    """Every queue that has a key of ours, registered or not."""
    found, prefix = {q.decode() for q in store.client.smembers(store.keys.queues())}, f"{store.keys.prefix}:@"
    names = (
        *LIVE_SETS,
        *ENDED_SETS,
        "archive",
        "ordered",
        "records",
        "attempts",
        "priorities",
        "crashes",
        "cancels",
        "progress",
    )
    known = {f"{prefix}{name}:" for name in names}
    for key in store.client.scan_iter(f"{prefix}*", count=1000):
        text = key.decode("utf-8", "replace")
        found |= {text.removeprefix(start) for start in known if text.startswith(start)}
    return sorted(found)


def _view(store: Store, queue: str) -> View:
    keys, client = store.keys, store.client
    members = list(client.scan_iter(f"{keys.groups(queue)}:*", count=1000))
    values = list(client.scan_iter(f"{keys.index(queue)}:[^*]*|*", count=1000))
    acks = list(client.scan_iter(f"{keys.prefix}:__acks__.*.{queue}", count=1000))
    pipe = client.pipeline(transaction=True)
    pipe.hkeys(keys.bodies(queue)).lrange(keys.ready(queue), 0, -1).get(keys.stale(queue))
    pipe.zrange(keys.ordered(queue), 0, -1)
    for place in (p for s in ALL for p in s.places if p.key in LIVE_SETS):
        (pipe.hkeys if place.kind == "hash" else lambda key: pipe.zrange(key, 0, -1))(getattr(keys, place.key)(queue))
    for name in TIMED_SETS:
        pipe.zrange(getattr(keys, name)(queue), 0, 0, withscores=True)
    pipe.hkeys(keys.archive(queue))
    for name in ENDED_SETS:
        pipe.zrange(getattr(keys, name)(queue), 0, -1)
    for name in (*BESIDE, "cancels", "progress", "groups"):
        pipe.hkeys(getattr(keys, name)(queue))
    pipe.smembers(keys.named(queue)).hgetall(keys.attempts(queue)).hkeys(keys.traces(queue)).hgetall(
        keys.trace_uses(queue)
    )
    pipe.zunion(values or [keys.index(queue) + ":"])
    pipe.zrange(keys.expiring(queue), 0, -1).zrange(keys.of_limits(queue, "holds"), 0, 0, withscores=True)
    pipe.exists(keys.of_limits(queue, "turns"))
    pipe.zscore(keys.due(), queue).sismember(keys.queues(), queue).llen(keys.wake(queue)).hget(keys.paused(), queue)
    for key in members:
        pipe.zrange(key, 0, -1)
    for key in acks:
        pipe.smembers(key)
    got = iter(pipe.execute())
    return _assembled(queue, got, members, len(acks), f"{keys.groups(queue)}:")


def _assembled(queue: str, got: Iterator[Any], members: list[bytes], acks: int, prefix: str) -> View:
    return View(
        queue=queue,
        bodies=set(next(got)),
        listed=next(got),
        stale=int(next(got) or 0),
        ordered=set(next(got)),
        live={name: set(next(got)) for name in LIVE_SETS},
        times=[at for _ in TIMED_SETS for _, at in next(got)],
        archive=set(next(got)),
        ended={name: set(next(got)) for name in ENDED_SETS},
        beside={name: set(next(got)) for name in BESIDE},
        cancels=set(next(got)),
        progress=set(next(got)),
        infos=set(next(got)),
        named=set(next(got)),
        attempts=next(got),
        traces=set(next(got)),
        trace_uses={digest: int(uses) for digest, uses in next(got).items()},
        indexed={job_id for job_id in next(got) if not job_id.startswith(b"*")},
        expiring=set(next(got)),
        hold=next(iter(dict(next(got)).values()), None),
        turns=bool(next(got)),
        due=next(got),
        stock=not next(got),
        wakes=next(got),
        paused=next(got),
        groups={key.removeprefix(prefix.encode()): ids for key in members if (ids := set(next(got)))},
        held_by_stock={i for _ in range(acks) for i in next(got)},
    )


def _violations(view: View, now: int, wakes: bool) -> Iterator[str]:
    yield from _ended(view)
    yield from _named("I3: live and archived", view.bodies & view.archive)
    yield from _grouped(view)
    yield from _traced(view)
    if view.stock:
        return
    waiting = view.bodies.difference(*view.live.values())
    running = view.live["running"]
    yield from _live(view, waiting)
    for name, ids in view.beside.items():
        yield from _named(f"I4: {name} of no job", ids - view.bodies - view.archive)
    yield from _named("I11: attempts of no job", view.attempts.keys() - view.bodies - view.archive)
    yield from _named("I12: indexed values of no job", view.indexed - view.bodies - view.archive)
    yield from _named("I4: chosen ids of no job", view.named - view.bodies - view.archive)
    yield from _named("I4: to expire, and ended", view.expiring - view.bodies)
    yield from _named("I4: asked to stop, not running", view.cancels - running)
    yield from _due(view)
    yield from _named("I4: tells its progress, not running", view.progress - running)
    held_too_long = view.hold is not None and view.hold <= now
    if wakes and (waiting or view.turns or held_too_long) and not view.wakes and not _is_paused(view, now):
        yield f"I7: {len(waiting)} wait and no wake token is there"


def _live(view: View, waiting: set[bytes]) -> Iterator[str]:
    for name in LIVE_SETS:
        yield from _named(f"I1: {name} without a body", view.live[name] - view.bodies)
    counted = Counter(i for ids in view.live.values() for i in ids)
    yield from _named("I1: in two states", {i for i, count in counted.items() if count > 1})
    waiting = waiting - view.held_by_stock
    yield from _named("I1: waiting nowhere", waiting - set(view.listed) - view.ordered)
    yield from _named("I1: in the ordered set, not waiting", view.ordered - waiting)
    in_list = len(waiting.intersection(view.listed) - view.ordered)
    if len(view.listed) - view.stale != in_list:
        yield f"I1: {len(view.listed)} list entries - {view.stale} stale ≠ {in_list} jobs that wait there"


def _ended(view: View) -> Iterator[str]:
    counted = Counter(i for ids in view.ended.values() for i in ids)
    yield from _named("I2: ended in two ways", {i for i, count in counted.items() if count > 1})
    yield from _named("I2: archived, in no set", view.archive - counted.keys())
    yield from _named("I2: in a set, not archived", counted.keys() - view.archive)


def _grouped(view: View) -> Iterator[str]:
    counted = Counter(i for ids in view.groups.values() for i in ids)
    yield from _named("I5: in two groups", {i for i, count in counted.items() if count > 1})
    yield from _named("I5: dead, in no group", view.ended["dead"] - counted.keys())
    yield from _named("I5: in a group, not dead", counted.keys() - view.ended["dead"])
    yield from _named("I5: groups named and empty, or not named", view.infos ^ view.groups.keys())


def _traced(view: View) -> Iterator[str]:
    digests = (line.split(b" ")[0] for lines in view.attempts.values() for line in lines.split(b"\n"))
    named = Counter(digest for digest in digests if digest != b"-")
    if named != view.trace_uses:
        yield f"I11: tracebacks used {dict(named)}, counted {view.trace_uses}"
    yield from _named("I11: tracebacks named and not kept, or kept and not named", named.keys() ^ view.traces)


def _due(view: View) -> Iterator[str]:
    times = [*view.times, *([] if view.hold is None else [view.hold])]
    if not times and view.due is not None:
        yield f"I6: due at {view.due:.0f} with nothing delayed"
    if times and (view.due is None or view.due > min(times)):
        yield f"I6: due at {view.due}, the earliest job at {min(times):.0f}"


def _is_paused(view: View, now: int) -> bool:
    until = int(view.paused.partition(b"|")[0]) if view.paused else None
    return until is not None and (until == 0 or until > now)


def _named(what: str, ids: set[bytes]) -> Iterator[str]:
    if ids:
        shown = ", ".join(sorted(i.decode("utf-8", "backslashreplace") for i in ids)[:5])
        yield f"{what}: {shown}" + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
