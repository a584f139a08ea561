"""Kills what a worker's commands and isolated jobs have started: with the worker, however it dies, and, where it left
its process group, soon after the group has ended.

One small helper process a worker (sweeper.py), started with the first command. It holds the reading end of a pipe and a
list of process groups; the kernel closes the writing end with the worker, even on SIGKILL, and the groups are killed.
Each group is known by a mark in its environment, which what it starts inherits, whatever session or parent it takes.

Why not PR_SET_PDEATHSIG: it has to be set in the child, so by a `preexec_fn`, which runs Python and every
fork hook between fork and exec of a threaded process and takes subprocess off vfork (27 ms instead of 1 ms
a command in a worker of 500 MB); it reaches the leader only, none of the processes that the command has
started; and it fires when the *thread* that started the command ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

_HELPER = Path(__file__).with_name("sweeper.py")


class Guard:
    """The groups that must not outlive this process. Thread-safe; a forked child starts with an empty one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, bytes] = {}
        self._helper: subprocess.Popen[bytes] | None = None

    def expect(self, mark: str) -> None:
        """A group is about to be started whose environment holds `mark` (NAME=value), which no other's does.

        Should the worker be killed before `hold` has named the group, the helper looks for the mark (Linux).
        Raises OSError if the helper cannot be started.
        """
        with self._lock:
            self._tell(b"?%s\n" % mark.encode())

    def expected(self, mark: str) -> None:
        """It has been started, or could not be."""
        with self._lock:
            self._tell(b"!%s\n" % mark.encode())

    def hold(self, group: int, mark: str) -> None:
        """From now on `group`, which carries `mark`, dies with this process. Raises OSError if the helper cannot be
        started."""
        with self._lock:
            self._held[group] = mark.encode()
            self._tell(b"+%d %s\n" % (group, mark.encode()))

    def release(self, group: int) -> None:
        """The group has ended: what carries its mark and left it dies soon. To be said before its leader is reaped,
        while the number can mean no other group."""
        with self._lock:
            mark = self._held.pop(group, b"")
            if self._helper is not None and mark:
                self._tell(b"-%d %s\n" % (group, mark))

    def close(self) -> None:
        """End the helper; the groups that are still held die."""
        with self._lock:
            helper, self._helper = self._helper, None
        if helper is not None and helper.stdin is not None:
            helper.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                helper.wait(1)

    def forget(self) -> None:
        """In a forked child: groups and helper are the parent's, whose pipe must not be held open here."""
        if self._helper is not None and self._helper.stdin is not None:
            self._helper.stdin.close()
        self._lock, self._held, self._helper = threading.Lock(), {}, None

    def _tell(self, line: bytes) -> None:
        if self._helper is None or self._helper.poll() is not None:
            self._helper = self._start()
            line += b"".join(b"+%d %s\n" % held for held in self._held.items())
        assert self._helper.stdin is not None
        os.write(self._helper.stdin.fileno(), line)

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HELPER)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )


GUARD = Guard()
os.register_at_fork(after_in_child=GUARD.forget)
atexit.register(GUARD.close)
