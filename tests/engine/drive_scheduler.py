"""A scheduler as a process of its own. Prints every tick that it is asked to let in, a JSON line each.

argv: one JSON object {schedules: {name: every_ms}, after_reload: {name: every_ms} | null, fail: n, slow_s,
notify}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from jobctl.catalog.model import Catalog, Schedule
from jobctl.engine import logs
from jobctl.engine.scheduler.scheduler import Scheduler
from jobctl.engine.tools.notify import Notifier
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.nouns.processes import ProcessInfo


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)  # noqa: T201


class Store:
    """Ticks and liveness at once; the first `fail` ticks find Redis unreachable."""

    def __init__(self, fail: int, slow_s: float, broken: bool) -> None:
        self.fail = fail
        self.slow_s = slow_s
        self.broken = broken

    def tick(self, schedule: Schedule, tick_ms: int) -> str | None:
        say("try", name=schedule.name, tick=tick_ms)
        time.sleep(self.slow_s)
        if self.fail:
            self.fail -= 1
            raise ValueError("a bug") if self.broken else RedisUnavailable("Redis is unreachable")
        say("tick", name=schedule.name, tick=tick_ms)
        return "01ab"

    def _reach(self) -> None:
        if self.fail and not self.broken:
            raise RedisUnavailable("Redis is unreachable")

    def beat(self, info: ProcessInfo) -> None:
        self._reach()
        say("beat", kind=info.kind)

    def leave(self, name: str) -> None:
        say("leave", name=name)

    def recover(self, child: str, executing: frozenset[str]) -> int:
        raise AssertionError((child, executing))

    def sweep(self) -> int:
        self._reach()
        return 0


def catalog(schedules: Mapping[str, int]) -> Catalog:
    return Catalog(schedules={name: Schedule(name, "job", every_ms=ms) for name, ms in schedules.items()})


def main() -> int:
    given = json.loads(sys.argv[1])
    logs.setup("json")

    def reload() -> Catalog:
        if given.get("after_reload") is None:
            raise UsageError("jobs.yaml:1:1: broken")
        return catalog(given["after_reload"])

    store = Store(given.get("fail", 0), given.get("slow_s", 0.0), given.get("broken", False))
    notifier = Notifier(given.get("notify"))
    return Scheduler(catalog(given["schedules"]), store, store, reload, notifier).run()


if __name__ == "__main__":
    sys.exit(main())
