from __future__ import annotations

import dramatiq
from said import say
from stock import broker


@dramatiq.actor(broker=broker)
def bar_task() -> None:
    say("several", "bar")
