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
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
held, expected = set(), set()
for line in sys.stdin.buffer:
    mark, what = line[:1], line[1:].strip()
    if mark in b"+-":
        (held.add if mark == b"+" else held.discard)(int(what))
    else:
        (expected.add if mark == b"?" else expected.discard)(what)
def kill(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
def marked(pid):
    try:
        with open("/proc/%s/environ" % pid, "rb") as stream:
            return not expected.isdisjoint(stream.read().split(b"\\0"))
    except OSError:
        return False
for group in held:
    kill(group)
for _ in range(40 if expected and os.path.isdir("/proc") else 0):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if marked(pid):
            try:
                kill(os.getpgid(int(pid)))
            except OSError:
                pass
    time.sleep(0.05)
"""


class Guard:
    """The groups that must not outlive this process. Thread-safe; a forked child starts with an empty one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
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
            line += b"".join(b"+%d\n" % group for group in self._held)
        assert self._helper.stdin is not None
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
