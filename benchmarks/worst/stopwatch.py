"""How long Redis is busy with each script call: the processor time of the server's one thread that runs commands."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from jobctl.store.wire.script import Call, Runner


class Stopwatch(Runner):
    """Runs script calls one by one, and keeps what each cost (ms), by script.

    Processor time, since the machine may be busy: what others wait for is that, or more. Without `/proc` it is the time
    from call to answer.
    """

    def __init__(self, client: redis.Redis, pid: int) -> None:
        super().__init__(client)
        self._stat = Path(f"/proc/{pid}/task/{pid}/schedstat")
        self.costs: dict[str, list[float]] = defaultdict(list)

    def _now_ms(self) -> float:
        if not self._stat.exists():
            return time.perf_counter_ns() / 1e6
        return int(self._stat.read_text().split()[0]) / 1e6

    def run(self, call: Call) -> Any:
        before = self._now_ms()
        reply = super().run(call)
        self.costs[call.script.name].append(self._now_ms() - before)
        return reply

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        return [self.run(call) for call in calls]
