"""Plain actors: sent at once and later, sync and async, by a scheduler (Dramatiq's examples `basic`, `asyncio`,
`long_running`, `scheduling`)."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import dramatiq
from apscheduler.schedulers.background import BackgroundScheduler
from said import say, wait


@dramatiq.actor
def add(x: int, y: int) -> None:
    say("basic", x + y)


@dramatiq.actor
async def add_later(x: int, y: int) -> None:
    await asyncio.sleep(0.05)
    say("asyncio", x + y)


@dramatiq.actor(time_limit=86_400_000, max_retries=0)
def long_running(seconds: float) -> None:
    time.sleep(seconds)
    say("long_running", "done")


@dramatiq.actor
def tell_the_date() -> None:
    say("scheduling", "a date")


@dramatiq.actor
def delayed() -> None:
    say("delayed", "now")


def send() -> None:
    add.send(1, 2)
    add_later.send(3, 4)
    long_running.send(1.5)
    delayed.send_with_options(delay=700)
    scheduler = BackgroundScheduler()
    scheduler.add_job(tell_the_date.send, "date", run_date=datetime.now() + timedelta(milliseconds=100))
    scheduler.start()


def outcome() -> dict[str, object]:
    return {name: wait(name, 1) for name in ("basic", "asyncio", "long_running", "scheduling", "delayed")}
