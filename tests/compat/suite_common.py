"""The common.py of Dramatiq's tests: what test_redis.py imports from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dramatiq.worker import Worker


@contextmanager
def worker(*args: Any, **options: Any) -> Iterator[Worker]:
    running = Worker(*args, **options)
    running.start()
    try:
        yield running
    finally:
        running.stop()
