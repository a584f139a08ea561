"""What the supervisor and its children agree on: configuration and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

CLEAN = 0
"""A child's exit code after a drain, or in burst mode once its queues are empty: it holds nothing in
Redis."""
RECYCLE = 75
"""A child's exit code when it reached `max_jobs`: drained and clean, a replacement starts at once."""
ORPHANED = 76
"""A child's exit code when it found its supervisor gone."""
STOPPED_NOW = 77
"""A child's exit code at a second SIGTERM: it may still hold jobs."""
LEFT_JOBS = 78
"""A child's exit code when it drained and could not write all of it to Redis: what it held is to be recovered."""

NO_REDIS = 79
"""A child's exit code in burst mode when Redis was away, or refused it, for longer than its patience."""

JOBS_PER_CORE = 2
DEFAULT_ASYNC_JOBS = 100
DEFAULT_GRACE_S = 25.0
DEFAULT_PATIENCE_S = 30.0
CHILD_COMMAND = (sys.executable, "-m", "jobctl.engine.process.entry")


class ChildConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that one worker process needs to know. It travels through an inherited file, never argv or environ.

    `name` is new for every process, also for a restarted one. `queues` None means all of the catalog's. `catalog_text`
    is the catalog as it was checked: a process that is restarted while someone edits the file must get the one that
    works. None means that the file is read. `environment` is added to the environment of command jobs. `grace_s` is how
    long, in seconds, a draining child lets its running jobs continue before it requeues them. `patience_s` is how long,
    in seconds, burst mode continues without Redis before it gives up.
    """

    name: str
    catalog_path: str
    catalog_text: str | None = None
    redis_url: str
    redis_password: str | None = None
    index_key: str = ""
    namespace: str | None = None
    cluster: bool = False
    queues: tuple[str, ...] | None = None
    threads: int = 1
    async_jobs: int = DEFAULT_ASYNC_JOBS
    burst: bool = False
    max_jobs: int | None = None
    grace_s: float = DEFAULT_GRACE_S
    patience_s: float = DEFAULT_PATIENCE_S
    log_format: str = "auto"
    log_level: str = "INFO"
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def slots(self) -> int:
        """Room for this many jobs at once: those of threads come first."""
        return self.threads + self.async_jobs

    def __repr__(self) -> str:
        """Only the name: the rest may hold a password, and tracebacks and logs print reprs."""
        return f"ChildConfig({self.name!r})"

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> ChildConfig:
        """From JSON; raises msgspec.ValidationError or msgspec.DecodeError when it does not fit."""
        return msgspec.json.decode(data, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorOptions:
    """`max_memory` is in bytes a process, `max_age_s` in seconds. `command` starts a child; descriptors and the
    parent's pid are appended to it."""

    processes: int
    max_memory: int | None = None
    max_age_s: float | None = None
    command: Sequence[str] = CHILD_COMMAND


def default_processes() -> int:
    """One worker process for each core that this process may use."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def default_threads(processes: int) -> int:
    """Threads a process, so that cores x 2 jobs run in all processes together; at least one."""
    return max(1, -(-default_processes() * JOBS_PER_CORE // max(processes, 1)))
