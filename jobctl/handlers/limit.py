"""How much memory this process may use."""

from __future__ import annotations

import resource
from pathlib import Path

SPARE = 16_000_000
"""How many bytes more a process may use to say that its job has used them all."""


def limit_memory(limit: int | None) -> None:
    """Let allocations beyond `limit` bytes fail, which Python turns into a MemoryError; None: no limit.

    RLIMIT_DATA counts what is private and writable: heap, anonymous mappings, stacks of threads. RLIMIT_AS would also
    count the code of libraries and address space that is only reserved, gigabytes of it with some of them, and no
    kernel enforces RLIMIT_RSS. Shared mappings count nowhere. The hard limit is set, too, so that the job cannot lift
    it, unless it is root or has CAP_SYS_RESOURCE.
    """
    if limit is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = limit + SPARE if hard == resource.RLIM_INFINITY else min(limit + SPARE, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (min(limit, most), most))


def held_bytes(pid: int) -> int:
    """The memory that a process holds, shared mappings included, which no limit of its own bounds; 0 if it is gone, or
    the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def lift_memory() -> None:
    """Allow the little more that saying how the job failed may take."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
