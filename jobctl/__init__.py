"""Operate background jobs: a catalog, Dramatiq workers on Redis, one command line.

From Python: `jobctl.connect("jobs.yaml").enqueue("send-email", {"to": "a@example.com"})`, and inside a job
`jobctl.current()` and `jobctl.RateLimited`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobctl.client import Client
    from jobctl.context import Current, RateLimited

__version__ = "0.1.0"
__all__ = ["RateLimited", "__version__", "connect", "current"]


def connect(catalog: str | Path = "jobs.yaml", redis: str | None = None) -> Client:
    """A client for a catalog and a Redis URL; without one, the Redis that the command line would use."""
    from jobctl import client

    return client.connect(catalog, redis)


def current() -> Current:
    """The job that is running here. Raises errors.JobctlError outside a job."""
    from jobctl import context

    return context.current()


def __getattr__(name: str) -> Any:
    """`RateLimited` is imported when it is first asked for: most programs that import jobctl never are limited."""
    if name != "RateLimited":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobctl.context import RateLimited

    return RateLimited
