"""What the jobs of the tests of progress, logs and redaction do."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import jobctl
from tests.support import PATIENCE_S

GO = threading.Event()
SPEAKING = threading.Event()


class Refused(Exception):
    """What `leak` raises."""


def leak(**payload: Any) -> Any:
    """Tell the payload in every way that there is; `how` says how to end."""
    job = jobctl.current()
    for text in (
        str(payload),
        json.dumps(payload),
        json.dumps(payload, ensure_ascii=False),
        *map(str, payload.values()),
    ):
        job.log(text)
        job.progress(1, 2, text)
    logging.getLogger("shop").warning("payload %s", payload)
    if payload.get("how") == "return":
        return {"seen": payload, json.dumps(payload): list(payload.values())}
    try:
        raise KeyError(payload)
    except KeyError as error:
        raise Refused(f"cannot use {payload} or {json.dumps(payload)}") from error


def climb(steps: int = 4) -> str:
    """Tell progress, wait in the middle."""
    job = jobctl.current()
    for step in range(steps):
        job.progress(step, steps, f"step {step}")
    job.log("half way")
    SPEAKING.set()
    GO.wait(PATIENCE_S)
    return "up"


def fall() -> None:
    """Two lines, then a failure."""
    job = jobctl.current()
    for _ in range(2):
        job.log("same")
    raise ValueError("fell")


def nothing() -> None:
    """Return nothing."""
