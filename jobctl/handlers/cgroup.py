"""A cgroup around the process of an isolated job, where this process may make one (cgroups v2): nothing leaves it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from jobctl.handlers.limit import SPARE

PREFIX = "jobctl"
TRIES, PAUSE_S = 20, 0.005
"""How often, and after what pause, to try to remove a cgroup whose processes were just killed."""


class Cgroup:
    """Holds a process and all that it starts, whatever they do about sessions, parents and environments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def end(self) -> None:
        """Kill what is in it, and remove it."""
        with suppress(OSError):
            (self._folder / "cgroup.kill").write_text("1")
        for _ in range(TRIES):
            try:
                self._folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # what was killed is still ending
                time.sleep(PAUSE_S)
            else:
                return


def around(pid: int, memory: int | None) -> Cgroup | None:
    """Put a process that has started nothing yet into a cgroup of its own, which may hold `memory` bytes if this system
    bounds them there. None where it cannot be done."""
    parent = own_folder()
    if parent is None:
        return None
    folder = parent / f"{PREFIX}-{os.getpid()}-{pid}"
    made = Cgroup(folder)
    try:
        folder.mkdir()
        if not (folder / "cgroup.kill").exists():
            raise FileNotFoundError("an older kernel")
        if memory is not None and (folder / "memory.max").exists():
            (folder / "memory.max").write_text(str(memory + SPARE))
        (folder / "cgroup.procs").write_text(str(pid))
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        return None
    return made


def end_left_over() -> None:
    """End the cgroups of workers that were killed."""
    parent = own_folder()
    for folder in parent.glob(f"{PREFIX}-*-*") if parent is not None else ():
        worker = folder.name.split("-")[1]
        if worker.isdigit() and not Path(f"/proc/{worker}").exists():
            Cgroup(folder).end()


def own_folder() -> Path | None:
    """The folder of this process's cgroup, if it may be written to."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        places = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    mount = next((fields[4] for fields in mounts if fields[3] == "/" and "cgroup2" in fields[6:]), None)
    place = next((path for number, _, path in places if number == "0"), None)
    if mount is None or place is None:
        return None
    folder = Path(mount + place)
    return folder if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK) else None
