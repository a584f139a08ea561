"""The helper behind `guard.py`, a program of its own that imports nothing of jobctl: `python -I -S sweeper.py`.

Reads lines: `+GROUP MARK` a process group is to die with the worker, `-GROUP MARK` it has ended, `?MARK` one is about
to be started, `!MARK` it was. A mark is NAME=value in the environment of all that the group has started. When a group
has ended, what still carries its mark is killed, whatever session and parent it has taken; at the end of the input,
which is the worker's end, however it came, everything that is held.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

PAUSE_S = 0.25
"""Between two looks at all processes: at most this long something outlives its job."""
LAST_PAUSE_S, LAST_LOOKS = 0.05, 40
"""How often to look once the worker is gone: something may just be starting."""


class Sweeper:
    def __init__(self) -> None:
        self.held: dict[int, bytes] = {}
        self.expected: set[bytes] = set()
        self.ended: set[bytes] = set()

    def hear(self, line: bytes) -> None:
        verb, rest = line[:1], line[1:]
        if verb in b"+-":
            group, _, mark = rest.partition(b" ")
            if verb == b"+":
                self.held[int(group)] = mark
            else:
                self.held.pop(int(group), None)
                self.ended.add(mark)
        elif verb == b"?":
            self.expected.add(rest)
        else:
            self.expected.discard(rest)

    def serve(self) -> None:
        """Until the worker's end of the pipe is closed."""
        rest = b""
        while True:
            if self.ended and not select.select([0], [], [], PAUSE_S)[0]:
                self.ended &= sweep(self.ended)
                continue
            data = os.read(0, 65_536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.hear(line)
            if self.ended:
                self.ended &= sweep(self.ended)
                time.sleep(PAUSE_S)

    def finish(self) -> None:
        """Nothing that is held outlives the worker."""
        for group in self.held:
            kill(os.killpg, group)
        marks = {*self.held.values(), *self.expected, *self.ended}
        for _ in range(LAST_LOOKS if marks else 0):
            if not sweep(marks) and not self.expected:
                return
            time.sleep(LAST_PAUSE_S)


def sweep(marks: set[bytes]) -> set[bytes]:
    """Kill every process with one of the marks; returns the marks that were found. Without /proc it finds none."""
    found: set[bytes] = set()
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):  # noqa: PTH112, PTH208
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123 - pathlib takes longer to import
                carried = marks.intersection(stream.read().split(b"\0"))
        except OSError:  # it is gone, or another user's
            continue
        if carried:
            found |= carried
            kill(os.kill, int(pid))
    return found


def kill(send: Callable[[int, int], None], target: int) -> None:
    with suppress(OSError):
        send(target, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sweeper = Sweeper()
    sweeper.serve()
    sweeper.finish()
    sys.exit(0)
