"""The jobs that jobctl's workers run in benchmarks."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

import redis


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(os.environ["BENCH_URL"])


def noop(**_payload: Any) -> None:
    return None


def incr(**_payload: Any) -> None:
    client().incr("bench:counter")


def stamp(sent: int) -> None:
    client().rpush("bench:latency", time.monotonic_ns() - sent)
