"""Time for tests of limits: let it pass at once, or work through it as an idle worker does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from jobctl.store import Store
from jobctl.store.wire.wakeups import Wakeups
from tests.store.moves import QUEUE, Moves
from tests.support import PATIENCE_S

HOUR = 3_600_000
SLACK_MS = 50
"""What _limits.lua keeps of a smooth limit after its time."""


def pass_time(store: Store, ms: int, queue: str = QUEUE) -> None:
    """Make what Redis keeps of a queue's limits look as if it were `ms` older. Fixed windows must divide `ms`."""
    client, base = store.client, store.keys.of_limits(queue, "")
    now = store.processes.now_ms()
    for key in client.scan_iter(f"{base}*", count=1000):
        kind = key.decode().removeprefix(base).partition(":")[0]
        if kind in ("smooth", "until"):
            stored, _, interval = client.get(key).decode().partition(":")
            at = float(stored) - ms
            if at + (SLACK_MS if kind == "smooth" else 0) > now:
                client.set(key, f"{at:.3f}:{interval}" if interval else f"{at:.3f}", keepttl=True)
            else:
                client.delete(key)
        elif kind == "window":
            _age_window(store, key, ms, now)
        elif kind == "holds":
            for bucket in client.zrange(key, 0, -1):
                client.zincrby(key, -ms, bucket)
    if client.zscore(store.keys.due(), queue) is not None:
        client.zincrby(store.keys.due(), -ms, queue)


def _age_window(store: Store, key: bytes, ms: int, now: int) -> None:
    window, period, *starts = msgspec.msgpack.decode(store.client.get(key))
    assert window != b"fixed" or ms % period == 0
    rest = [
        value
        for until, count in zip(starts[::2], starts[1::2], strict=True)
        if until - ms > now
        for value in (until - ms, count)
    ]
    if rest:
        store.client.set(key, msgspec.msgpack.encode([window, period, *rest]), keepttl=True)
    else:
        store.client.delete(key)


@dataclass
class Worked:
    """What one idle worker did, with Redis's time of it."""

    started: list[tuple[int, str]] = field(default_factory=list)
    told: list[tuple[int, int]] = field(default_factory=list)
    """When it was told that it must wait, and until when."""

    @property
    def ids(self) -> list[str]:
        return [job_id for _, job_id in self.started]


def work(store: Store, count: int, want: int = 10) -> Worked:
    """Fetch, complete, sleep until woken or it is time, as an idle worker does, until `count` jobs have started."""
    moves, wakeups, worked = Moves(store), Wakeups(store.client, [store.keys.wake(QUEUE)]), Worked()
    until = time.monotonic() + PATIENCE_S
    while len(worked.started) < count:
        left = until - time.monotonic()
        assert left > 0, worked
        fetched = store.settle.fetch("w", [QUEUE], want)
        worked.started += [(fetched.now_ms, job.id) for job in fetched.jobs]
        if fetched.jobs:
            moves.complete(*fetched.jobs)
        if len(fetched.jobs) < want:
            due_ms = fetched.next_due_ms or fetched.now_ms + 1000
            if fetched.next_due_ms or not fetched.jobs:
                worked.told.append((fetched.now_ms, due_ms))
            wakeups.wait(min(left, max(0.001, (due_ms - store.processes.now_ms()) / 1000)))
    wakeups.interrupt()
    return worked


def held(store: Store, bucket: str) -> float:
    """When a bucket that others wait for is looked at again (epoch ms)."""
    return float(store.client.zscore(store.keys.of_limits(QUEUE, "holds"), bucket))


def is_woken(store: Store) -> bool:
    return store.client.llen(store.keys.wake(QUEUE)) == 1


def sleep(store: Store) -> None:
    """The wake token is taken by somebody who then does nothing."""
    store.client.delete(store.keys.wake(QUEUE))
