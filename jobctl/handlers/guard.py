"""Kills the process groups of a worker's commands when the worker dies, however it dies.

One small helper process a worker, started with the first command. It holds the reading end of a pipe and a
list of process groups; the kernel closes the writing end with the worker, even on SIGKILL, and the groups
are killed.

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

_HELPER = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
held = set()
for line in sys.stdin.buffer:
    (held.add if line[:1] == b"+" else held.discard)(int(line[1:]))
for group in held:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Guard:
    """The groups that must not outlive this process. Thread-safe; a forked child starts with an empty one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._helper: subprocess.Popen[bytes] | None = None

    def get_ready(self) -> None:
        """Start the helper now, before a group is: a worker that is killed between the two would leave the group.

        Raises OSError if it cannot be started.
        """
        with self._lock:
            self._tell(b"")

    def hold(self, group: int) -> None:
        """From now on `group` dies with this process. Raises OSError if the helper cannot be started."""
        with self._lock:
            self._held.add(group)
            self._tell(b"+%d\n" % group)

    def release(self, group: int) -> None:
        """Forget the group: before its leader is reaped, while the number can mean no other group."""
        with self._lock:
            self._held.discard(group)
            if self._helper is not None:
                self._tell(b"-%d\n" % group)

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
        self._lock, self._held, self._helper = threading.Lock(), set(), None

    def _tell(self, line: bytes) -> None:
        if self._helper is None or self._helper.poll() is not None:
            self._helper = self._start()
            line = b"".join(b"+%d\n" % group for group in self._held)
        assert self._helper.stdin is not None
        if line:
            os.write(self._helper.stdin.fileno(), line)

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _HELPER],
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
