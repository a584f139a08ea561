"""A middleware that has its worker process replaced after some messages (Dramatiq's example `max_tasks_per_child`)."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import dramatiq
from said import lines, say, wait

TASKS = 3


class MaxTasks(dramatiq.Middleware):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = TASKS

    def after_process_message(self, _broker: Any, message: Any, **_outcome: Any) -> None:
        with self._lock:
            self._left -= message.actor_name == "counted"
            last = self._left == 0 and message.actor_name == "counted"
        if last:
            os.kill(os.getppid(), signal.SIGHUP)


dramatiq.get_broker().add_middleware(MaxTasks())


@dramatiq.actor
def counted() -> None:
    say("max_tasks", os.getpid())


def send_until_replaced() -> None:
    """Ends when another process has run one."""
    for sent in range(1, 2000):
        counted.send()
        if len(set(wait("max_tasks", sent))) > 1:
            return
    raise AssertionError(lines("max_tasks"))
