"""Checks of this machine: can it hold isolated jobs to what the catalog says of them?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobctl import prctl
from jobctl.handlers.cgroup import own_folder
from jobctl.ops.doctor.check import Check, listed

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog


def checks(catalog: Catalog) -> Iterator[Check]:
    """Look at the isolation of job types, if any is isolated; from a worker's machine, as its user."""
    isolated = [job for job in catalog.jobs.values() if job.isolate]
    if not isolated:
        return
    limited = [job.name for job in isolated if job.memory_bytes]
    if sys.platform != "linux" or not Path("/proc/self/environ").exists():
        found = f"no /proc here: a process that leaves its group outlives {listed(job.name for job in isolated)}"
        yield Check("isolation", "warn", found, "run workers on Linux")
    elif limited and prctl.may_lift_limits():
        found = f"this user may raise resource limits, so these jobs can lift their `memory`: {listed(limited)}"
        yield Check("isolation", "warn", found, "run workers as a user without CAP_SYS_RESOURCE")
    elif own_folder() is None:
        found = "no writable cgroup: a process that clears its environment and leaves its group outlives its job"
        yield Check("isolation", "ok", found)
    else:
        yield Check("isolation", "ok", "no process outlives an isolated job")
