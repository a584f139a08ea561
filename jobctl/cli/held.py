"""What holds a job, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jobctl.store.records import Hold


def sentence(hold: Hold, when: Callable[[datetime], str]) -> str:
    """Why a job does not run; `when` writes a moment."""
    from jobctl.ops.pauses import words

    what = hold.name.replace("type:", "job type ", 1).replace("queue:", "queue ", 1)
    match hold.kind:
        case "pause":
            return words(what, when(hold.until) if hold.until else None, hold.reason, hold.by)
        case "worker":
            return f"no worker serves {what}"
        case "turn":
            return "its limits let it start: it waits for a free worker"
    allowed = f"{hold.allows} at once" if hold.kind == "concurrency" else hold.allows
    text = f"the {hold.kind} limit of {what}, {allowed}" + (f" for key {hold.key}" if hold.key else "")
    if hold.ahead:
        text += f"; {hold.ahead:,} before it"
    return f"{text}; its turn may come {when(hold.until)}" if hold.until else text
