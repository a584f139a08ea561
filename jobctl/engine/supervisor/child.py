"""One worker process as its supervisor holds it: starting it, signalling it, reading its shared table."""

from __future__ import annotations

import os
import signal as signals
import subprocess
from collections import Counter
from collections.abc import Sequence

from jobctl import clock
from jobctl.engine.process.config import CHILD_COMMAND, ChildConfig
from jobctl.engine.process.entry import RETIRE
from jobctl.engine.process.slots import SlotTable, shared_file
from jobctl.engine.tools.processes import resident_bytes
from jobctl.store.nouns.processes import SHOWN, Blocked, ChildInfo, Hanging

HANGING_S = 6.0
"""A thread hangs if it continues for so long past its job's time limit; a command has 5 s to end after SIGTERM."""


class Child:
    """A started process, its table and the write end of its lifeline (closing it ends the process)."""

    def __init__(self, config: ChildConfig, process: subprocess.Popen[bytes], slots: SlotTable, lifeline: int) -> None:
        self.name = config.name
        self.threads = config.threads
        self.slots = slots
        self.started = clock.monotonic()
        self.stall_logged = False
        self.memory_mb = 0.0
        """When it was last looked at."""
        self.killed = False
        """Whether this supervisor sent it SIGKILL."""
        self._process = process
        self._lifeline = lifeline
        self._progress = 0
        self._moved = self.started

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code (negative: the signal that killed it), None while it lives."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when the process is gone."""
        self.killed = self.killed or number == signals.SIGKILL
        self._process.send_signal(number)

    def retire(self) -> None:
        """Ask it to finish what it runs, without hurry, and exit."""
        self.signal(RETIRE)

    def stalled_s(self, now: float) -> float:
        """Seconds since its main loop was last seen to move; `now` is on the monotonic clock."""
        progress = self.slots.progress
        if progress != self._progress:
            self._progress, self._moved = progress, now
        return now - self._moved

    def info(self) -> ChildInfo:
        self.memory_mb = round(resident_bytes(self.pid) / 1e6, 1)
        now, now_ms = clock.monotonic(), clock.now_ms()
        late = self.slots.hanging(now - HANGING_S)
        jobs = [Hanging(job.queue, job.id, now_ms - round((now - deadline) * 1000)) for job, deadline in late[:SHOWN]]
        blocked = self.slots.blocked
        return ChildInfo(
            name=self.name,
            pid=self.pid,
            running=self.slots.running,
            on_loop=self.slots.running_from(self.threads),
            memory_mb=self.memory_mb,
            blocked=self._blocked(now, now_ms),
            loop_lag_s=round(max(self.slots.lag_s, 0.0 if blocked is None else now - blocked[0]), 3),
            hanging=len(late),
            hanging_jobs=tuple(jobs),
            executing=dict(Counter(job.queue for job in self.slots.executing())),
        )

    def _blocked(self, now: float, now_ms: int) -> Blocked | None:
        found = self.slots.blocked
        if found is None:
            return None
        since, job, where = found
        return Blocked(job.queue, job.id, where, now_ms - round((now - since) * 1000))

    def close(self) -> None:
        """Free what the supervisor holds for it, once it has ended."""
        self.slots.close()
        os.close(self._lifeline)


def spawn(config: ChildConfig, command: Sequence[str] = CHILD_COMMAND) -> Child:
    """Start a worker process; raises OSError when the system refuses.

    Its own process group keeps a terminal's Ctrl-C for the supervisor, which then decides. Must be called
    in a thread that lives as long as the process may: the child dies when the thread that started it ends.
    """
    descriptors: list[int] = []
    try:
        descriptors.append(config_fd := shared_file(0))
        os.write(config_fd, config.encode())
        descriptors.append(slots_fd := SlotTable.create_file(config.slots))
        slots = SlotTable(slots_fd, config.slots)
        read_end, lifeline = os.pipe()
        descriptors.append(read_end)
        try:
            process = _popen(command, (config_fd, slots_fd, read_end))
        except BaseException:
            os.close(lifeline)
            slots.close()
            raise
    finally:
        for fd in descriptors:
            os.close(fd)
    return Child(config, process, slots, lifeline)


def _popen(command: Sequence[str], descriptors: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    argv = [*command, *map(str, descriptors), str(os.getpid())]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=descriptors, process_group=0)
