"""Operate background jobs: a catalog, Dramatiq workers on Redis, one command line.

From Python: `jobctl.connect("jobs.yaml").enqueue("send-email", {"to": "a@example.com"})`, and inside a job
`jobctl.current()`, `jobctl.once(key)`, `jobctl.RateLimited`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobctl.version import __version__

if TYPE_CHECKING:
    from jobctl.client import Client
    from jobctl.context import Current, RateLimited
    from jobctl.effects import Once, OnceBusy

__all__ = ["OnceBusy", "RateLimited", "__version__", "connect", "current", "once"]


def connect(catalog: str | Path = "jobs.yaml", redis: str | None = None) -> Client:
    """A client for a catalog and a Redis URL; by default, the Redis that the command line would use."""
    from jobctl import client

    return client.connect(catalog, redis)


def current() -> Current:
    """The job that is running here. Raises errors.JobctlError outside a job."""
    from jobctl import context

    return context.current()


def once(key: str, keep: float | str = "7d") -> Once:
    """A side effect that happens once: `with jobctl.once("charge-42") as once: if once.needed: …`."""
    from jobctl import effects

    return effects.Once(key, keep)


def __getattr__(name: str) -> Any:
    """The exceptions are imported when they are first asked for: most programs that import jobctl never need them."""
    if name == "RateLimited":
        from jobctl.context import RateLimited

        return RateLimited
    if name == "OnceBusy":
        from jobctl.effects import OnceBusy

        return OnceBusy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
