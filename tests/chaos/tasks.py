"""The jobs of the scenarios. Each says in the ledger that it begins, and that it is done or fails."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jobctl
from tests.chaos import ledger


def _identity() -> tuple[str, int]:
    job = jobctl.current()
    return job.id, job.attempt


identity: Callable[[], tuple[str, int]] = _identity
"""Who runs here: the job's id and the number of its attempt. Stock workers put their own in its place."""


def _say(phase: str) -> None:
    ledger.append(os.environ["CHAOS_LEDGER"], phase, *identity())


def work(seconds: float = 0.0, pad: str = "") -> None:
    """Take `seconds`, in small sleeps, so that a time limit can interrupt it."""
    _say(ledger.BEGAN)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    _say(ledger.DONE)


async def wait(seconds: float = 0.0) -> None:
    """Take `seconds` on the event loop."""
    _say(ledger.BEGAN)
    await asyncio.sleep(seconds)
    _say(ledger.DONE)


async def block(seconds: float = 0.0) -> None:
    """Block the event loop for `seconds`."""
    _say(ledger.BEGAN)
    time.sleep(seconds)
    _say(ledger.DONE)


def keyed(key: str, seconds: float = 0.0) -> None:
    """`work` for a tenant: `key` is there for limits and unique keys."""
    work(seconds)


def fail_while(flag: str, seconds: float = 0.0) -> None:
    """Fail for as long as the file `flag` is there when `seconds` are over."""
    _say(ledger.BEGAN)
    time.sleep(seconds)
    if Path(flag).exists():
        _say(ledger.FAILED)
        raise ConnectionError("the other side is away")
    _say(ledger.DONE)


def grow(megabytes: int = 64) -> None:
    """What the kernel does to a process that takes too much memory, at a bounded size: SIGKILL from outside."""
    _say(ledger.BEGAN)
    hoard = bytearray(megabytes * 1_000_000)
    subprocess.run([sys.executable, "-c", f"import os; os.kill({os.getpid()}, {int(signal.SIGKILL)})"], check=False)
    time.sleep(60)
    del hoard


def leave() -> None:
    """End the whole process without a word."""
    _say(ledger.BEGAN)
    os._exit(3)


def sleep_in_c(seconds: float) -> None:
    """One long C call that lets other threads run but cannot be interrupted."""
    _say(ledger.BEGAN)
    time.sleep(seconds)
    _say(ledger.DONE)


def hold_gil(seconds: int) -> None:
    """One long C call that lets no other thread of the process run."""
    _say(ledger.BEGAN)
    ctypes.PyDLL(None).sleep(seconds)
    _say(ledger.DONE)
