"""A started process that leads a session and process group of its own, and dies with everything in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

from jobctl.handlers.base import KILL_GRACE_S, HandlerFailure
from jobctl.handlers.guard import GUARD

MARK = "JOBCTL_GROUP"
"""In the environment of all that is started: by it the guard finds what left the group, or one that it was not told of
in time."""
POLL_S = 0.05
"""How often to look for the leader's end where the system has no pidfd."""


class Group:
    """Raises OSError when it cannot be started. `options` are Popen's; nothing is read from our standard input."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | None, **options: Any) -> None:
        mark = f"{MARK}={secrets.token_hex(8)}"
        GUARD.expect(mark)
        try:
            self._child: subprocess.Popen[bytes] = subprocess.Popen(
                list(argv),
                env={**env, MARK: mark.partition("=")[2]},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
                **options,
            )
            self.pid = self._child.pid
            try:
                GUARD.hold(self.pid, mark)
            except BaseException:
                self.end()
                raise
        finally:
            GUARD.expected(mark)

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        for pipe in self.pipes:
            pipe.close()

    @property
    def pipes(self) -> tuple[IO[bytes], ...]:
        """stdout and stderr, those that are pipes."""
        return tuple(pipe for pipe in (self._child.stdout, self._child.stderr) if pipe is not None)

    def leader_ended(self) -> bool:
        """Whether the leader has ended, without reaping it where that is possible."""
        if self._child.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._child.poll() is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            raise HandlerFailure(
                "CommandLost", "something else in the worker collected the command's exit status"
            ) from None

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):  # nothing is left of the group, or it is no longer ours to signal
            os.killpg(self.pid, number)

    def end(self) -> int:
        """Kill the whole group and reap the leader; its exit status, or minus the signal's number.

        In this order: until the leader is reaped, its number can mean no other group.
        """
        if self._child.returncode is None:
            self.signal(signal.SIGKILL)
            with contextlib.suppress(OSError):
                GUARD.release(self.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):  # set-uid: not ours to kill; leave it
                self._child.wait(KILL_GRACE_S)
        returncode = self._child.returncode
        return -signal.SIGKILL if returncode is None else returncode


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or a kernel or container that does not have it
        return None


def signal_name(number: int) -> str:
    """Without SIG; a real-time signal has none, and is its number."""
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
