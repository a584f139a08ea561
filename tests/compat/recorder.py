"""A middleware that writes down which hooks fire, in their order, for each message."""

from __future__ import annotations

import threading
from typing import Any

from dramatiq.middleware import Middleware

HOOKS = (
    "ack", "nack", "enqueue", "delay_message", "process_message", "skip_message", "process_boot", "worker_boot",
    "worker_shutdown", "worker_thread_boot", "worker_thread_shutdown", "consumer_thread_boot",
    "consumer_thread_shutdown", "declare_actor", "declare_queue", "declare_delay_queue",
)  # fmt: skip
OF_MESSAGES = {"ack", "nack", "enqueue", "delay_message", "process_message", "skip_message"}


class Recorder(Middleware):
    """`lines` holds `before_ack default` and the like for messages, `before_worker_boot` for the rest."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._lock = threading.Lock()

    def note(self, hook: str, *args: Any, **kwargs: Any) -> None:
        name = hook.partition("_")[2]
        line = hook
        if name in OF_MESSAGES:
            line += f" {args[0].queue_name}"
        if name == "enqueue" and args[1] is not None:
            line += " later"
        if kwargs.get("exception") is not None:
            line += f" {type(kwargs['exception']).__name__}"
        with self._lock:
            self.lines.append(line)

    def of_messages(self) -> list[str]:
        """What concerned messages."""
        with self._lock:
            return [line for line in self.lines if " " in line]


def _hook(name: str) -> Any:
    def hook(self: Recorder, _broker: Any, *args: Any, **kwargs: Any) -> None:
        self.note(name, *args, **kwargs)

    return hook


for _name in HOOKS:
    for _when in ("before", "after"):
        if hasattr(Middleware, f"{_when}_{_name}"):
            setattr(Recorder, f"{_when}_{_name}", _hook(f"{_when}_{_name}"))
