"""What the test catalog's Python jobs do."""

from __future__ import annotations

import asyncio
import sys
import threading

import jobctl

STARTED = threading.Event()
RELEASE = threading.Event()

HOSTILE = "bad [/red] \x1b]0;owned\x07\x1b[31m\u202ething\r\nsecond line"


def greet(name: str, n: int = 1, ok: bool = True) -> dict[str, object]:
    print("printing", name)
    return {"hello": name, "n": n, "ok": ok}


def boom(text: str = HOSTILE) -> None:
    raise ValueError(text)


def hold() -> str:
    STARTED.set()
    RELEASE.wait(30)
    return "released"


def spin() -> None:
    while True:
        pass


async def dawdle() -> None:
    STARTED.set()
    await asyncio.sleep(60)


def parent() -> str:
    return str(jobctl.current().enqueue("greet", {"name": "child"}))


def noisy() -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    jobctl.current().log("a note")
