"""Jobs with side effects that are to happen once."""

from __future__ import annotations

import threading
from typing import Any

import jobctl
from tests.support import PATIENCE_S

done: list[str] = []
gate = threading.Event()
inside = threading.Event()


def charge(key: str, fail: str = "") -> Any:
    """Charges once by key. `fail` says where it breaks: "before" the charge is known to be done, or "after" it."""
    with jobctl.once(key) as once:
        if once.needed:
            if fail == "before":
                raise RuntimeError("broke before")
            done.append(key)
            once.value = {"charge": len(done)}
    if fail == "after" and jobctl.current().attempt == 1:
        raise RuntimeError("broke after")
    return once.value


def slow(key: str) -> None:
    with jobctl.once(key):
        inside.set()
        gate.wait(PATIENCE_S)


def unlucky() -> None:
    """Told to come back, the first two times."""
    done.append("asked")
    if len(done) < 3:
        raise jobctl.RateLimited("50ms")
