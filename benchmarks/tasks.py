"""The jobs that jobctl's workers run in benchmarks."""

from __future__ import annotations

import asyncio
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


@cache
def async_client() -> Any:
    """One for all jobs of the process: they share its event loop."""
    import redis.asyncio

    return redis.asyncio.Redis.from_url(os.environ["BENCH_URL"])


async def async_noop(**_payload: Any) -> None:
    return None


async def async_sleep(**_payload: Any) -> None:
    await asyncio.sleep(0.1)


async def async_incr(**_payload: Any) -> None:
    await async_client().incr("bench:counter")


def stamp(sent: int) -> None:
    client().rpush("bench:latency", time.monotonic_ns() - sent)
