"""How much memory this process may use."""

from __future__ import annotations

import resource


def limit_memory(limit: int | None) -> None:
    """Let allocations beyond `limit` bytes fail, which Python turns into a MemoryError; None: no limit.

    RLIMIT_DATA counts what is private and writable: heap, anonymous mappings, stacks of threads. RLIMIT_AS would also
    count the code of libraries and address space that is only reserved, gigabytes of it with some of them, and no
    kernel enforces RLIMIT_RSS. Only the soft limit is set: it is a guard against mistakes, not a prison.
    """
    if limit is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def lift_memory() -> None:
    """Take the limit away again."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
