"""`worker.lifespan`: what the jobs of a process share, made before the first of them and put away after the last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobctl.catalog.imports import resolve
from jobctl.errors import UsageError
from jobctl.handlers.base import Handler

LEAVE_S = 5.0
"""How long it may take to end where jobs run one at a time."""
LOOK_S = 0.2
"""How often to look whether the process is to stop while the lifespan is being entered."""

_log = logging.getLogger("jobctl.worker")


class Lifespan:
    """A context manager of the application, async or plain, around the jobs of one process. `resources` is what it
    yields, None if the catalog has none or before it was entered."""

    def __init__(self, target: str | None = None, found: Any = None) -> None:
        """`found` is what `target` names: it gives the context manager when it is called, or is one. Raises UsageError
        for anything else."""
        self._target = target
        self._manager: Any = None
        self._task: asyncio.Task[None] | None = None
        self._left = asyncio.Event()
        self.resources: Any = None
        if target is not None:
            self._manager = self._made(found)

    def _made(self, found: Any) -> Any:
        try:
            made = found if _is_manager(type(found)) else found()
        except (Exception, SystemExit) as error:
            raise self._problem("cannot be made", error) from error
        if not _is_manager(type(made)):
            what = type(made).__name__
            raise UsageError(
                f"worker.lifespan: {self._target} gives `{what}`, which is no context manager",
                "decorate it with contextlib.asynccontextmanager",
            )
        return made

    @property
    def needs_loop(self) -> bool:
        """Whether it is async."""
        return hasattr(type(self._manager), "__aenter__")

    def enter(self, loop: asyncio.AbstractEventLoop | None, stopped: Callable[[], bool] = lambda: False) -> None:
        """Enter it, on the `loop` if it is async, in the thread that will run that. Raises UsageError if it fails, or
        if the process is to stop before it is done."""
        try:
            if self.needs_loop:
                assert loop is not None
                self._enter(loop, stopped)
            elif self._manager is not None:
                self.resources = self._manager.__enter__()
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            _log.error("worker.lifespan: %s failed", self._target, exc_info=error)
            raise self._problem("failed", error) from error

    def _enter(self, loop: asyncio.AbstractEventLoop, stopped: Callable[[], bool]) -> None:
        entered = loop.create_future()
        self._task = task = loop.create_task(self._live(entered))
        while not (entered.done() or task.done()):
            loop.run_until_complete(asyncio.wait({entered, task}, timeout=LOOK_S, return_when="FIRST_COMPLETED"))
            if stopped():
                task.cancel()
        if task.done():
            entered.cancel()
            task.result()

    async def _live(self, entered: asyncio.Future[None]) -> None:
        """Entered and left by the same task, as async libraries demand."""
        async with self._manager as self.resources:
            entered.set_result(None)
            await self._left.wait()

    def leave(self, loop: asyncio.AbstractEventLoop | None, timeout_s: float) -> None:
        """Leave it; an async one has so many seconds to end. A failure is logged and changes nothing."""
        try:
            if self._task is not None and loop is not None:
                self._leave(loop, self._task, timeout_s)
            elif self._manager is not None:
                self._manager.__exit__(None, None, None)
        except BaseException as error:  # noqa: BLE001 - all jobs have ended
            _log.error("worker.lifespan: leaving %s failed", self._target, exc_info=error)

    def _leave(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], timeout_s: float) -> None:
        self._left.set()
        loop.run_until_complete(asyncio.wait({task}, timeout=timeout_s))
        if not task.done():
            _log.warning("worker.lifespan: %s was not left within %.0f s", self._target, timeout_s)
            task.cancel()
            return
        task.result()

    def _problem(self, what: str, error: BaseException) -> UsageError:
        lines = str(error).splitlines() or [""]
        return UsageError(f"worker.lifespan: {self._target} {what}: {type(error).__name__}: {lines[0]}")


@contextmanager
def around(target: str | None, handler: Handler) -> Iterator[Any]:
    """Enter a lifespan around the attempts of one handler, and leave it; yields what it yields.

    A coroutine then runs on the loop of an async lifespan. Raises UsageError if that cannot be entered.
    """
    lifespan = load(target)
    loop = None
    if lifespan.needs_loop:
        from jobctl.handlers.coroutines import Loop

        loop = Loop()
        handler.loop = loop
    try:
        lifespan.enter(loop)
        try:
            yield lifespan.resources
        finally:
            lifespan.leave(loop, LEAVE_S)
    finally:
        if loop is not None:
            loop.close()


def _is_manager(kind: type) -> bool:
    return hasattr(kind, "__aenter__") or hasattr(kind, "__enter__")


def load(target: str | None) -> Lifespan:
    """The lifespan that `module:name` names; one around nothing if there is none. Raises UsageError."""
    if target is None:
        return Lifespan()
    found, problem = resolve(target)
    if problem is not None:
        raise UsageError(f"worker.lifespan: {problem[0]}", problem[1])
    return Lifespan(target, found)
