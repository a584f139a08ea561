"""Sees that something blocks the event loop, says what, and interrupts it.

The loop's thread is the main one, where a signal's handler can raise an exception in the middle of a call that waits in
the kernel (`time.sleep`, a socket): one set from another thread would arrive only afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from jobctl import clock
from jobctl.engine.process.blockage import Blockage
from jobctl.engine.process.loop_jobs import BLOCKED_S
from jobctl.engine.process.loop_runner import LoopRunner, OnLoop
from jobctl.handlers.base import LoopBlocked

PING_S = 0.25
"""How often the loop is asked whether it turns."""
AGAIN_S = 2.0
"""How long after an interrupt a loop that still does not turn is given up."""

_OURS = str(Path(__file__).parents[2])
_LIBRARY = tuple({str(Path(asyncio.__file__).parents[1]), sys.prefix, sys.base_prefix})
_log = logging.getLogger("jobctl.worker")


class Place(NamedTuple):
    """What blocks the loop: the attempt, if it can be told, and the line of the application's code."""

    run: OnLoop | None
    where: str

    def __str__(self) -> str:
        job = self.run.job if self.run else None
        who = f"job {job.reserved.id} ({job.type.name})" if job else "a task that no job waits for"
        return f"{who} blocks it at {self.where}"


class LoopWatch(threading.Thread):
    """Asks the loop whether it turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_block_s: float, blockage: Blockage) -> None:
        super().__init__(name="loop-watch", daemon=True)
        self._loop = loop
        self._max_block_s = max_block_s
        self._blockage = blockage
        self._halt = threading.Event()
        self._main = threading.main_thread().ident or 0
        self._asked = self._answered = 0
        self._asked_at = 0.0
        self._ringing: tuple[BaseException, Place, asyncio.Task[Any] | None] | None = None
        self._missed = False
        """Whether an interrupt came when what it was meant for had just ended."""
        self._looped = 0

    def arm(self) -> None:
        """Let a signal interrupt the loop. Called in the loop's thread; if that is not the main one, none can."""
        self._looped = threading.get_ident()
        if self._looped == self._main:
            signal.signal(signal.SIGUSR2, self._rung)

    def stop(self) -> None:
        self._halt.set()

    def run(self) -> None:
        while not self._halt.wait(PING_S):
            if self._asked == self._answered:
                self._ask()
            elif (since := self._blocked_since(clock.monotonic())) is not None:
                self._wait(since)

    def _ask(self) -> None:
        self._asked += 1
        self._asked_at = clock.monotonic()
        try:
            self._loop.call_soon_threadsafe(self._answer, self._asked)
        except RuntimeError:  # it is closed
            self._halt.set()

    def _answer(self, asked: int) -> None:
        self._answered = asked
        self._blockage.answers(clock.monotonic() - self._asked_at)

    def _blocked_since(self, now: float) -> float | None:
        blocked = self._asked != self._answered and now - self._asked_at >= min(BLOCKED_S, self._max_block_s)
        return self._asked_at if blocked else None

    def _wait(self, since: float) -> None:
        """Until the loop turns again, or is given up."""
        place = self._place()
        _log.warning("the event loop stands still: %s", place)
        self._blockage.begins(*place, since)
        begun, rung, gone = since, 0.0, False
        while self._asked != self._answered and not self._halt.wait(PING_S):
            now = clock.monotonic()
            latest = self._place()
            if latest.run is not place.run or self._missed:  # each of many that take long has its own time
                self._missed, place, begun, rung = False, latest, now, 0.0
            if now - begun >= self._max_block_s and not rung:
                rung = now
                self._ring(place)
            elif rung and not gone and now - rung >= AGAIN_S:
                gone = True
                _log.error("the event loop cannot be made to turn, giving back its other jobs: %s", place)
                self._blockage.lasts(place.run)
        self._ringing = None
        self._blockage.ends()
        _log.warning("the event loop turns again after %.1f s", clock.monotonic() - since)

    def _ring(self, place: Place) -> None:
        text = f"it blocked the event loop of its process for {self._max_block_s:g} s, at {place.where}"
        self._ringing = LoopBlocked(text), place, asyncio.current_task(self._loop)
        if self._looped == self._main:
            signal.pthread_kill(self._main, signal.SIGUSR2)

    def _rung(self, _number: int, frame: FrameType | None) -> None:
        """In the loop's thread, in the middle of what blocks it, or a moment after."""
        ringing, self._ringing = self._ringing, None
        if ringing is None or self._asked == self._answered:
            return
        failure, place, task = ringing
        if task is None:  # a callback, which nothing could be told by
            return
        if asyncio.current_task(self._loop) is task and place_of(frame).run is place.run:
            raise failure
        self._missed = True  # a neighbour runs now, or the job has ended and this is jobctl's own code

    def _place(self) -> Place:
        """Where the loop's thread is."""
        return place_of(sys._current_frames().get(self._looped))


def place_of(frame: Any) -> Place:
    """Which attempt a frame is in, and where."""
    run, where = None, ""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code is LoopRunner.inside.__code__:
            run = frame.f_locals.get("run")
            break
        if not where and not file.startswith((_OURS, "<", *_LIBRARY)):
            where = f"{file}:{frame.f_lineno} ({frame.f_code.co_name})"
        frame = frame.f_back
    return Place(run, where or "a line outside of the application")
