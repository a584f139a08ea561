"""What a process asks of the Linux kernel for itself (prctl(2)); elsewhere nothing is asked and nothing happens."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PDEATHSIG = 1
_CAP_SYS_RESOURCE = 24


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> bool:
    """Have the kernel send signal `number` to this process when the thread that started it ends, even if a call into C
    holds the interpreter. False if its parent is not the process `parent` any more: it ended before this was asked.
    """
    _set(_PDEATHSIG, number)
    return os.getppid() == parent


def dying_with_parent(number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """A `preexec_fn` that asks for the same in a child of this process. Everything that allocates happens here,
    before the fork. None where the kernel cannot."""
    if sys.platform != "linux":
        return None
    prctl, parent, value = _library(), os.getpid(), int(number)

    def arrange() -> None:
        prctl(_PDEATHSIG, value, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def may_lift_limits() -> bool:
    """Whether this process may raise its own resource limits: it is root, or has CAP_SYS_RESOURCE."""
    if sys.platform != "linux":
        return os.geteuid() == 0
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)


def _set(option: int, value: int) -> None:
    if sys.platform == "linux":
        _library()(option, int(value), 0, 0, 0)


def _library() -> Callable[..., int]:
    import ctypes

    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl
