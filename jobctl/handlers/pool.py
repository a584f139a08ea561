"""The processes of one isolated job type: started ahead, kept warm, replaced when they are spent.

A process is started by a thread that lives as long as this process: the kernel kills it when that thread ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from jobctl import clock
from jobctl.handlers import cgroup
from jobctl.handlers.base import HandlerFailure
from jobctl.handlers.group import POLL_S, Group, open_pidfd, signal_name
from jobctl.handlers.process import Waker
from jobctl.handlers.wire import Frame, HungUp, Line

MAX_JOBS = 1_000
"""A process is replaced after this many attempts: what a job leaks is bounded."""
IDLE_S = 60.0
"""All idle processes but one end when nothing has used them for this long."""
SEND_S = 5.0
"""A process that reads nothing for this long counts as gone."""
END_S = 2.0
"""How long a process that is no longer needed may take to end."""

_STARTER = ThreadPoolExecutor(1, "isolated-starter")


@dataclass(frozen=True, slots=True)
class Target:
    """What a process is started for."""

    type: str
    target: str
    memory_bytes: int | None
    env: Mapping[str, str]
    lifespan: str | None = None


class Process:
    """One process, from the outside. Not thread-safe, but `wake`."""

    def __init__(self, target: Target) -> None:
        """Raises OSError when it cannot be started."""
        self._pidfd: int | None = None
        ours, theirs = socket.socketpair()
        ours.settimeout(SEND_S)
        self._line = Line(ours)
        self._waker = Waker()
        with theirs:
            try:
                self._group = Group(_argv(theirs.fileno()), target.env, None, pass_fds=(theirs.fileno(),))
            except BaseException:
                self._close()
                raise
        self._cgroup = cgroup.around(self._group.pid, target.memory_bytes)  # it starts nothing before it is told to
        self._pidfd = open_pidfd(self._group.pid)
        self._poll = select.poll()
        for descriptor in (ours.fileno(), self._waker.reader, self._pidfd):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
        self.wake = self._waker.wake
        self.ready = False
        self.runs = 0
        self.idle_since = 0.0
        load = {
            "type": target.type,
            "target": target.target,
            "memory": target.memory_bytes,
            "lifespan": target.lifespan,
        }
        with contextlib.suppress(HungUp):  # then it has ended, as the next `receive` says
            self.send(Frame("load", values=load))

    @property
    def pid(self) -> int:
        return self._group.pid

    @property
    def alive(self) -> bool:
        return not self._group.leader_ended()

    def send(self, frame: Frame) -> None:
        """Raises HungUp when it has ended or takes nothing in."""
        self._line.send(frame)

    def receive(self, timeout_s: float) -> list[Frame]:
        """What it says; nothing when the time is over or someone calls `wake`. Raises HungUp when it has ended."""
        timeout_s = min(timeout_s, 3600.0 if self._pidfd is not None else POLL_S)
        events = dict(self._poll.poll(max(0.0, timeout_s) * 1000))
        if self._waker.reader in events:
            os.read(self._waker.reader, 4096)
        if self._line.socket.fileno() in events:  # before its end: it may have said something first
            return self._line.receive()
        if self._pidfd in events or (self._pidfd is None and not self.alive):
            raise HungUp
        return []

    def kill(self) -> int:
        """End it and all that it has started. Its exit status, or minus the signal's number."""
        status = self._group.end()
        if self._cgroup is not None:
            self._cgroup.end()
        self._close()
        return status

    def end(self) -> None:
        """Let it end by itself, or else kill it."""
        until = clock.monotonic() + END_S
        with contextlib.suppress(HungUp):
            self.send(Frame("end"))
            while (left := until - clock.monotonic()) > 0:
                self.receive(left)
        self.kill()

    def _close(self) -> None:
        self._line.close()
        self._waker.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class Pool:
    """Thread-safe. As many processes as run at once, and those that are idle."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._trimmer: threading.Timer | None = None
        self._closed = False

    def warm(self) -> None:
        """Have a process ready, soon."""
        if not self._idle and not self._closed:
            _STARTER.submit(cgroup.end_left_over)
            _STARTER.submit(lambda: self._settle(Process(self._target)))

    def take(self) -> Process:
        """A process for this caller alone: the idle one that was used last, or a new one. Raises HandlerFailure."""
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return self._start()
            if process.alive:
                return process
            process.kill()

    def give_back(self, process: Process) -> None:
        """It has run an attempt and can run more."""
        process.runs += 1
        if process.runs < MAX_JOBS:
            self._settle(process)
        else:
            self._retire([process])
            self.warm()

    def discard(self, process: Process) -> int:
        """It is of no more use: kill it, and start another. Returns its exit status, or minus the signal's number."""
        status = process.kill()
        if process.ready:  # another one would not be able to import the target either
            self.warm()
        return status

    def close(self) -> None:
        """End the idle processes; those that are in use end when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            if self._trimmer is not None:
                self._trimmer.cancel()
        for thread in self._retire(idle):
            thread.join(END_S)

    def _start(self) -> Process:
        try:
            return _STARTER.submit(Process, self._target).result()
        except OSError as error:
            raise HandlerFailure("ProcessNotStarted", f"the job's process cannot be started: {error}") from error

    def _settle(self, process: Process) -> None:
        process.idle_since = clock.monotonic()
        with self._lock:
            if not self._closed:
                self._idle.append(process)
                if len(self._idle) > 1 and self._trimmer is None:
                    self._trim_later()
                return
        self._retire([process])

    def _trim_later(self) -> None:
        self._trimmer = threading.Timer(IDLE_S, self._trim)
        self._trimmer.daemon = True
        self._trimmer.start()

    def _trim(self) -> None:
        """End those that have long been idle; the first in the list has been for longest, and one may stay."""
        old = clock.monotonic() - IDLE_S
        with self._lock:
            spent = [process for process in self._idle[:-1] if process.idle_since <= old]
            self._idle = self._idle[len(spent) :]
            self._trimmer = None
            if len(self._idle) > 1 and not self._closed:
                self._trim_later()
        self._retire(spent)

    @staticmethod
    def _retire(processes: list[Process]) -> list[threading.Thread]:
        threads = [threading.Thread(target=process.end, daemon=True) for process in processes]
        for thread in threads:
            thread.start()
        return threads


def died(status: int) -> HandlerFailure:
    """The failure of an attempt whose process ended under it."""
    if status >= 0:
        return HandlerFailure("ProcessDied", f"the job ended its process: exit {status}", match=(f"exit:{status}",))
    number, name = -status, signal_name(-status)
    why = ", which the kernel does when it runs out of memory" if number == signal.SIGKILL else ""
    message = f"the job's process was killed by SIG{name}{why}"
    return HandlerFailure("ProcessDied", message, match=(f"signal:{name}", f"exit:{128 + number}"))


def _argv(descriptor: int) -> list[str]:
    """It finds modules where we do: what a worker has imported, the process of its job can import."""
    paths = [path for path in sys.path if isinstance(path, str)]
    program = (
        f"import sys; sys.path[:] = {paths!r}; from jobctl.handlers.inside import main; main(*map(int, sys.argv[1:]))"
    )
    return [sys.executable, "-c", program, str(descriptor), str(os.getpid())]
