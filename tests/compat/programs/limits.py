"""Jobs that are interrupted: at their time limit, when they are aborted, when their worker stops (Dramatiq's examples
`time_limit` and `persistent`; dramatiq-abort)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq.middleware import Shutdown, TimeLimitExceeded
from dramatiq_abort import Abort, abort
from said import say, wait

STATE = Path("state")
sent: dict[str, Any] = {}


@dramatiq.actor(time_limit=200, max_retries=0)
def endless() -> None:
    try:
        while True:
            time.sleep(0.01)
    except TimeLimitExceeded:
        say("time_limit", "exceeded")
        raise


@dramatiq.actor(max_retries=0)
def aborted() -> None:
    say("abort", "begins")
    try:
        while True:
            time.sleep(0.01)
    except Abort:
        say("abort", "aborted")


@dramatiq.actor(time_limit=float("inf"), notify_shutdown=True, max_retries=0)
def persistent() -> None:
    """Goes on where it was when its worker stopped."""
    n = json.loads(STATE.read_text()) if STATE.exists() else 0
    say("persistent", "resumes" if n else "begins")
    try:
        while not n or not STATE.exists():
            n += 1
            time.sleep(0.01)
        say("persistent", "done")
    except Shutdown:
        STATE.write_text(json.dumps(n))
        say("persistent", "stopped")


def send() -> None:
    endless.send()
    sent["abort"] = aborted.send()
    persistent.send()


def outcome() -> dict[str, object]:
    wait("abort", 1)
    abort(sent["abort"].message_id)
    return {"time_limit": wait("time_limit", 1), "abort": wait("abort", 2), "persistent": wait("persistent", 1)}
