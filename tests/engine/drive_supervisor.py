"""A supervisor as a process of its own, over fake children. Prints what it asks of liveness, a JSON line
each.

argv: one JSON object {options, child, notify, redis: up | down | down-once | mute (no beat) | much to do,
reload: ok | broken, json: ...}.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from jobctl.engine import logs
from jobctl.engine.liveness.heartbeats import Swept
from jobctl.engine.process.config import ChildConfig, SupervisorOptions
from jobctl.engine.process.preflight import Findings
from jobctl.engine.supervisor.supervisor import Supervisor
from jobctl.engine.tools.notify import Notifier
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.nouns.processes import Orders, ProcessInfo


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)  # noqa: T201


class Recorder:
    """Liveness that prints; while Redis is "down" every call fails."""

    def __init__(self, redis: str) -> None:
        self.redis = redis
        self.orders = Orders()

    def _reach(self) -> None:
        if self.redis in ("up", "mute", "much to do"):
            return
        if self.redis == "down-once":
            self.redis = "up"
        raise RedisUnavailable("Redis is unreachable")

    def beat(self, info: ProcessInfo) -> int:
        if self.redis == "mute":
            raise RedisUnavailable("Redis is read-only")
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

    def sweep(self) -> Swept:
        """With much to do, each sweep takes the time that it may, and wants to come again."""
        if self.redis == "much to do":
            say("sweep")
            time.sleep(0.2)
            return Swept(0, more=True)
        return Swept(0)


class Plan:
    """Gives the same configuration again, which passes every trial; "broken" gives none, "unfit" does not pass."""

    def __init__(self, verdict: str, child: ChildConfig) -> None:
        self._verdict = verdict
        self._child = child
        self.findings = Findings((), message="does not import" if verdict == "unfit" else "")

    def reload(self) -> ChildConfig:
        if self._verdict == "broken":
            raise UsageError("jobs.yaml:1:1: broken")
        return self._child

    def try_out(self, _child: ChildConfig) -> Plan:
        return self

    def adopt(self, _child: ChildConfig) -> None:
        say("adopted")

    def close(self) -> None:
        say("closed")


def main() -> int:
    given = json.loads(sys.argv[1])
    logs.setup("json")
    child = {
        "name": "",
        "catalog_path": "jobs.yaml",
        "redis_url": "redis://:secret@nowhere",
        **given["child"],
    }

    options = SupervisorOptions(
        command=(sys.executable, "-m", "tests.engine.fake_child"), **given.get("options", {"processes": 1})
    )
    supervisor = Supervisor(
        options,
        ChildConfig(**child),
        Recorder(given.get("redis", "up")),
        Plan(given.get("reload", "ok"), ChildConfig(**child)),
        Notifier(given.get("notify"), given.get("watchdog_us")),
    )
    say("start", name=supervisor.name)
    code = supervisor.run()
    say("end", code=code)
    return code


if __name__ == "__main__":
    sys.exit(main())
