"""What the test catalog's Python jobs do."""

from __future__ import annotations

import asyncio
import sys
import threading

import jobctl
from tests.support import PATIENCE_S

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
    RELEASE.wait(PATIENCE_S)
    return "released"


def spin() -> None:
    STARTED.set()
    while True:
        pass


def deaf() -> str:
    """Catches what would stop it, and goes on."""
    try:
        spin()
    except BaseException:  # noqa: BLE001
        RELEASE.wait(PATIENCE_S)
    return "done all the same"


def sour() -> None:
    """Answers a cancel with a failure of its own."""
    try:
        spin()
    finally:
        raise ValueError("not like this")


async def dawdle() -> None:
    STARTED.set()
    await asyncio.sleep(60)


def parent() -> str:
    return str(jobctl.current().enqueue("greet", {"name": "child"}))


def noisy() -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    jobctl.current().log("a note")
