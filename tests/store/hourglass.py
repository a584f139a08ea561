"""Time for tests of limits: let it pass at once, or work through it as an idle worker does."""

from __future__ import annotations

import time

import msgspec

from jobctl.store import Store
from jobctl.store.wire.wakeups import Wakeups
from tests.store.moves import QUEUE, Moves

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


def work(store: Store, seconds: float, want: int = 10) -> list[tuple[int, str]]:
    """Work for a while as one idle worker does: fetch, complete, sleep until a wake-up or what is due next.

    Returns (Redis's time, id) of each start.
    """
    moves, wakeups, started = Moves(store), Wakeups(store.client, [store.keys.wake(QUEUE)]), []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        fetched = store.settle.fetch("w", [QUEUE], want)
        started += [(fetched.now_ms, job.id) for job in fetched.jobs]
        if fetched.jobs:
            moves.complete(*fetched.jobs)
        if len(fetched.jobs) < want:
            due = fetched.next_due_ms - store.processes.now_ms() if fetched.next_due_ms else 1000
            wakeups.wait(min(left, max(0.001, due / 1000)))
    wakeups.interrupt()
    return started
