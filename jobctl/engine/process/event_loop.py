"""The event loop of a process: one, for the process's life, in its main thread.

There a signal can interrupt whatever blocks it. The loop survives what jobs do to it: a `stop()`, a SystemExit in a
task that a job left behind.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

TO_THREAD = 32
"""Threads of `asyncio.to_thread`, which are started when they are needed. Python's own bound is the cores + 4."""
LAST_TASKS_S = 1.0
"""How long tasks that jobs left behind may take to end when the process does."""

T = TypeVar("T")
_log = logging.getLogger("jobctl.worker")


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class ProcessLoop:
    """Runs while another thread works. Make and run it in the main thread."""

    def __init__(self) -> None:
        self.loop = new_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(TO_THREAD, "to-thread"))
        self.loop.set_exception_handler(_told)
        self._over = False

    def run(self, work: Callable[[], T]) -> T:
        """Run the loop until `work`, in a thread of its own, has ended. Returns and raises what it does."""
        ended: list[T] = []
        failed: list[BaseException] = []

        def manage() -> None:
            try:
                ended.append(work())
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failed.append(error)
            self._over = True
            self.loop.call_soon_threadsafe(self.loop.stop)

        manager = threading.Thread(target=manage, name="manager", daemon=True)
        manager.start()
        while not self._over:
            self._turn()
        manager.join()
        if failed:
            raise failed[0]
        return ended[0]

    def _turn(self) -> None:
        try:
            self.loop.run_forever()
        except BaseException:  # noqa: BLE001 - a task or callback that a job left behind raised SystemExit or the like
            _log.critical("a task on the event loop tried to end the process", exc_info=True)
        else:
            if not self._over:
                _log.critical("a job stopped the event loop; it goes on")

    def close(self) -> None:
        """End what jobs left behind, as far as it lets itself be ended."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        with suppress(BaseException):
            if left:
                self.loop.run_until_complete(asyncio.wait(left, timeout=LAST_TASKS_S))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        executor: Any = getattr(self.loop, "_default_executor", None)
        if executor is not None:  # a thread that blocks must not keep the process
            executor.shutdown(wait=False, cancel_futures=True)
        self.loop.close()


def _told(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody waited for has failed: a task that a job started, a callback."""
    error = context.get("exception")
    _log.error("on the event loop: %s", context.get("message"), exc_info=error if error is not None else None)
