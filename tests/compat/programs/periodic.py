"""An actor of periodiq's scheduler, and one that it sent too long ago."""

from __future__ import annotations

import dramatiq
import pendulum
from periodiq import cron
from said import say, wait


@dramatiq.actor(periodic=cron("0 * * * *"))
def hourly(which: str) -> None:
    say("periodiq", which)


def send() -> None:
    for which, ago in (("late", 3600), ("due", 0)):
        hourly.send_with_options(args=(which,), scheduled_at=str(pendulum.now().subtract(seconds=ago)))


def outcome() -> dict[str, object]:
    return {"periodiq": wait("periodiq", 1)}
