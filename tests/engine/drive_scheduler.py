"""A scheduler as a process of its own. Prints every tick that it is asked to let in, a JSON line each.

argv: one JSON object {schedules: {name: every_ms}, after_reload: {name: every_ms} | null, fail: n, slow_s, notify,
alone: [whether no other scheduler lives], again_s: [for how long others may have a tick in hand], ahead_ms: [how far
this process's clock is ahead; the next after two ticks, and so on], cursors: {name: how long ago the last tick was
taken, in ms}}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from apscheduler.schedulers import base

from jobctl import clock
from jobctl.catalog.model import Catalog, Schedule
from jobctl.catalog.ticks import following
from jobctl.engine import logs
from jobctl.engine.liveness.heartbeats import Swept
from jobctl.engine.scheduler import scheduler
from jobctl.engine.scheduler.timer import TickTimer
from jobctl.engine.tools.notify import Notifier
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.data.newjob import Enqueued, NewJob
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.store.nouns.schedules import Ticked


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)  # noqa: T201


class WrongClock:
    """This process's clock, ahead of the true one, which is Redis's."""

    def __init__(self, ahead_ms: list[int]) -> None:
        self.ahead_ms = ahead_ms
        self.ticks = 0
        clock.now_ms = lambda: true_ms() + self.now_ahead_ms()
        base.datetime = SimpleNamespace(
            now=lambda zone: datetime.now(zone) + timedelta(milliseconds=self.now_ahead_ms())
        )

    def now_ahead_ms(self) -> int:
        return self.ahead_ms[min(self.ticks // 2, len(self.ahead_ms) - 1)]


def true_ms() -> int:
    return time.time_ns() // 1_000_000


class Store:
    """Ticks and liveness at once; the first `fail` ticks find Redis unreachable."""

    def __init__(self, fail: int, slow_s: float, broken: bool, wrong: WrongClock, cursors: dict[str, int]) -> None:
        self.fail = fail
        self.slow_s = slow_s
        self.broken = broken
        self.wrong = wrong
        self.catalog = Catalog()
        self.is_alone = True
        self.cursors = {name: true_ms() - ago for name, ago in cursors.items()}

    def take(self, due: Sequence[tuple[Schedule, int]]) -> list[Ticked]:
        return [self.tick(schedule, tick_ms) for schedule, tick_ms in due]

    def schedules(self) -> Mapping[str, Schedule]:
        return self.catalog.schedules

    def announce(self, schedules: Sequence[Schedule]) -> tuple[int, dict[str, int]]:
        self._reach()
        now = true_ms()
        return now, {one.name: following(one, self.cursors.get(one.name, now)) for one in schedules}

    def alone(self, name: str) -> bool:
        return self.is_alone

    def look(self) -> None:
        self._reach()

    def let_pass(self, schedule: Schedule, passed: Sequence[int], next_ms: int, what: str, why: str) -> int:
        self._reach()
        before = self.cursors.get(schedule.name, 0)
        new = [tick for tick in passed if before < tick <= true_ms()]
        if new:
            self.cursors[schedule.name] = new[-1]
        return len(new)

    def tick(self, schedule: Schedule, tick_ms: int, how: str = "tick", why: str = "") -> Ticked:
        now = true_ms()
        say("try", name=schedule.name, tick=tick_ms)
        time.sleep(self.slow_s)
        if self.fail:
            self.fail -= 1
            raise ValueError("a bug") if self.broken else RedisUnavailable("Redis is unreachable")
        before = self.cursors.get(schedule.name)
        if tick_ms > now + 1000:
            return Ticked("early", now)
        if before is not None and tick_ms <= before:
            return Ticked("taken", now, before)
        if how == "tick" and before is not None and following(schedule, before) < tick_ms:
            return Ticked("behind", now, before, more=str(following(schedule, before)))
        self.cursors[schedule.name] = tick_ms
        say("tick", name=schedule.name, tick=tick_ms, late=now - tick_ms)
        self.wrong.ticks += 1
        job = NewJob(id="01ab", type=schedule.job, queue="default", payload={})
        return Ticked("used", now, before, job=Enqueued(job))

    def _reach(self) -> None:
        if self.fail and not self.broken:
            raise RedisUnavailable("Redis is unreachable")

    def beat(self, info: ProcessInfo) -> int:
        self._reach()
        say("beat", kind=info.kind)
        return true_ms()

    def leave(self, name: str) -> None:
        say("leave", name=name)

    def recover(self, child: str, executing: frozenset[str]) -> int:
        raise AssertionError((child, executing))

    def sweep(self) -> Swept:
        self._reach()
        return Swept(0)


def catalog(schedules: Mapping[str, int]) -> Catalog:
    return Catalog(schedules={name: Schedule(name, "job", every_ms=ms) for name, ms in schedules.items()})


def break_timer(good: list[bool]) -> None:
    """The timer's looks succeed as `good` says, one after the other; the last holds for all that follow."""
    process, looks = TickTimer._process_jobs, iter(good[:-1])

    def look(self: TickTimer) -> float | None:
        if not next(looks, good[-1]):
            raise RuntimeError("a bug of the timer")
        return process(self)

    TickTimer._process_jobs = look


def main() -> int:
    given = json.loads(sys.argv[1])
    logs.setup("json")

    def reload() -> Catalog:
        if given.get("after_reload") is None:
            raise UsageError("jobs.yaml:1:1: broken")
        store.catalog = catalog(given["after_reload"])
        return store.catalog

    wrong = WrongClock(given.get("ahead_ms", [0]))
    store = Store(
        given.get("fail", 0), given.get("slow_s", 0.0), given.get("broken", False), wrong, given.get("cursors", {})
    )
    store.catalog = catalog(given["schedules"])
    store.is_alone = given.get("alone", True)
    scheduler.AGAIN_S = given.get("again_s", scheduler.AGAIN_S)
    if (good := given.get("timer_works")) is not None:
        break_timer(good)
    notifier = Notifier(given.get("notify"))
    return scheduler.Scheduler(store.catalog, store, store, reload, notifier).run()


if __name__ == "__main__":
    sys.exit(main())
