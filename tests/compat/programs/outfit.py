"""The middleware of the programs beside this file, besides what every broker has."""

from __future__ import annotations

import os
from typing import Any

import reporting  # noqa: F401 - before any broker is made
from dramatiq.middleware import AsyncIO, GroupCallbacks, Middleware, ShutdownNotifications, TimeLimit
from dramatiq.middleware.prometheus import Prometheus
from dramatiq.rate_limits.backends import RedisBackend as Barriers
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from dramatiq_abort import Abortable
from dramatiq_abort.backends import RedisBackend as Aborts
from periodiq import PeriodiqMiddleware

URL = os.environ["PROGRAMS_URL"]


def limits() -> list[Middleware]:
    """What a stock broker has anyhow; a look 20 times a second, not once."""
    return [TimeLimit(interval=50), ShutdownNotifications()]


def extras() -> list[Middleware]:
    aborting: Any = Abortable(backend=Aborts.from_url(URL))
    return [
        Results(backend=RedisBackend(url=URL)),
        GroupCallbacks(Barriers(url=URL)),
        AsyncIO(),
        Prometheus(),
        aborting,
        PeriodiqMiddleware(skip_delay=30),
    ]
