"""A supervisor as a process of its own, over fake children. Prints what it asks of liveness, a JSON line
each.

argv: one JSON object {options, child, notify, redis: up | down | down-once, reload: ok | broken, json: ...}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jobctl.engine import logs
from jobctl.engine.process.config import ChildConfig, SupervisorOptions
from jobctl.engine.supervisor.supervisor import Supervisor
from jobctl.engine.tools.notify import Notifier
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.nouns.processes import ProcessInfo


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)  # noqa: T201


class Recorder:
    """Liveness that prints; while Redis is "down" every call fails."""

    def __init__(self, redis: str) -> None:
        self.redis = redis

    def _reach(self) -> None:
        if self.redis == "up":
            return
        if self.redis == "down-once":
            self.redis = "up"
        raise RedisUnavailable("Redis is unreachable")

    def beat(self, info: ProcessInfo) -> int:
        pids = [child.pid for child in info.children]
        say("beat", pids=pids, names=[child.name for child in info.children], running=info.running)
        return 1

    def leave(self, name: str) -> None:
        self._reach()
        say("leave", name=name)

    def recover(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> int:
        self._reach()
        say("recover", child=child, executing=sorted(executing))
        return 1

    def sweep(self) -> int:
        return 0


def main() -> int:
    given = json.loads(sys.argv[1])
    logs.setup("json")
    child = {
        "name": "",
        "catalog_path": "jobs.yaml",
        "redis_url": "redis://:secret@nowhere",
        **given["child"],
    }

    def reload() -> ChildConfig:
        if given.get("reload") == "broken":
            raise UsageError("jobs.yaml:1:1: broken")
        return ChildConfig(**child)

    options = SupervisorOptions(
        command=(sys.executable, "-m", "tests.engine.fake_child"), **given.get("options", {"processes": 1})
    )
    supervisor = Supervisor(
        options,
        ChildConfig(**child),
        Recorder(given.get("redis", "up")),
        reload,
        Notifier(given.get("notify"), given.get("watchdog_us")),
    )
    say("start", name=supervisor.name)
    code = supervisor.run()
    say("end", code=code)
    return code


if __name__ == "__main__":
    sys.exit(main())
