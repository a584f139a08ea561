"""The common.py of Dramatiq's tests: what they import from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dramatiq.worker import Worker

RABBITMQ_CREDENTIALS = None
skip_in_ci = skip_on_windows = skip_on_pypy = pytest.mark.skipif(False, reason="we are not there")


@contextmanager
def worker(*args: Any, **options: Any) -> Iterator[Worker]:
    running = Worker(*args, **options)
    running.start()
    try:
        yield running
    finally:
        running.stop()
