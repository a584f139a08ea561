"""A worker process's event loop, the jobs on it and who watches it: made together, and run in the main thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.blockage import Blockage
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.event_loop import ProcessLoop, T
from jobctl.engine.process.loop_jobs import LoopJobs
from jobctl.engine.process.loop_runner import LoopRunner
from jobctl.engine.process.loop_watch import LoopWatch
from jobctl.engine.process.reading import Reader
from jobctl.engine.process.runtime import Runtime
from jobctl.engine.process.slots import SlotTable


@dataclass(frozen=True, slots=True)
class Looping:
    """The loop's parts."""

    loop: ProcessLoop
    jobs: LoopJobs
    watch: LoopWatch

    @property
    def lost(self) -> bool:
        """Whether the loop is blocked for good: what blocks it could not be interrupted."""
        return self.jobs.dead

    @property
    def ill(self) -> bool:
        """Whether the process is to be replaced: a task cannot be ended."""
        return self.jobs.given_up > 0 or self.lost


def looping(
    runtime: Runtime,
    broker: WorkerBroker,
    desk: Desk,
    committer: Committer,
    slots: SlotTable | None,
    threads: int,
    max_block_s: float,
) -> Looping:
    """A loop for a process of so many threads, whose slots in the table come first."""
    loop = ProcessLoop()
    runner = LoopRunner(runtime, broker, loop.loop, threads)
    reader = Reader(runtime, desk, committer)
    jobs = LoopJobs(loop.loop, runner, reader, desk, committer, slots, first_slot=threads)
    watch = LoopWatch(loop.loop, max_block_s, Blockage(jobs, broker.store, slots))
    return Looping(loop, jobs, watch)


def run_inside(
    runtime: Runtime,
    looping: Looping | None,
    work: Callable[[], T],
    stopped: Callable[[], bool],
    left_s: Callable[[], float],
) -> T:
    """Do the work of a process inside of its lifespan, and beside its loop if it has one. `left_s` says, after the
    work, how long leaving the lifespan may take. Raises UsageError if that cannot be entered."""
    lifespan = runtime.lifespan
    if looping is None:
        lifespan.enter(None)
        try:
            return work()
        finally:
            lifespan.leave(None, left_s())
    try:
        lifespan.enter(looping.loop.loop, stopped)
        looping.watch.arm()
        try:
            return looping.loop.run(work)
        finally:
            lifespan.leave(looping.loop.loop, left_s())
    finally:
        looping.loop.close()
