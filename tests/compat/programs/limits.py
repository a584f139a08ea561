"""Jobs that are interrupted: at their time limit, and when their worker stops (as Dramatiq's example `time_limit`)."""

from __future__ import annotations

import time

import dramatiq
from dramatiq.middleware import Shutdown, TimeLimitExceeded
from said import say


@dramatiq.actor(time_limit=200, max_retries=0)
def endless() -> None:
    try:
        while True:
            time.sleep(0.01)
    except TimeLimitExceeded:
        say("endless", "time limit")
        raise


@dramatiq.actor(notify_shutdown=True, max_retries=0)
def patient() -> None:
    say("patient", "begins")
    try:
        while True:
            time.sleep(0.01)
    except Shutdown:
        say("patient", "shutdown")
