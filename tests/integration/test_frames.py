"""What a failed attempt held in its frames is free once the failure is recorded, also without a garbage collection."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dramatiq
import pytest
import redis
from dramatiq.worker import Worker as StockWorker

from jobctl.broker import JobctlBroker
from jobctl.catalog.load import load
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.process import Worker
from jobctl.engine.tools.stop import StopFlag
from tests.support import eventually

CATALOG = """
version: 1
namespace: frames
jobs:
  fail: {python: "kept:fail", retries: {max: 0}}
  stop: {python: "kept:stop", retries: {max: 0}, timeout: 1s}
  late: {python: "kept:late", retries: {max: 0}}
"""
SOURCE = """
import time
import weakref

HELD = []


class Held:
    pass


def hold():
    held = Held()
    HELD.append(weakref.ref(held))
    return held


def fail():
    held = hold()
    try:
        raise KeyError("first")
    except KeyError as first:
        raise ValueError("no good") from first


def stop():
    held = hold()
    while True:
        time.sleep(0.01)


async def late():
    fail()
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "kept.py").write_text(SOURCE)
    (tmp_path / "jobs.yaml").write_text(CATALOG)
    monkeypatch.syspath_prepend(str(tmp_path))
    gc.disable()
    yield __import__("kept")
    gc.enable()
    del sys.modules["kept"]


def all_gone(references: list[weakref.ref[object]]) -> bool:
    return len(references) == 3 and all(reference() is None for reference in references)


@pytest.mark.parametrize("job_type", ["fail", "stop", "late"])
def test_a_worker_frees_them(
    job_type: str, kept: ModuleType, tmp_path: Path, redis_client: redis.Redis, redis_url: str
) -> None:
    path, stop = tmp_path / "jobs.yaml", StopFlag()
    worker = Worker(ChildConfig(name="f:1:x:0", catalog_path=str(path), redis_url=redis_url), load(path), None, {})
    for _ in range(3):
        worker.broker.actors[job_type].send()
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: all_gone(kept.HELD))
        eventually(lambda: worker.store.dead.count("default") == 3)
    finally:
        stop.set()
        running.join()


@pytest.mark.parametrize("retries", [0, 2])
def test_a_stock_worker_frees_them(retries: int, kept: ModuleType, redis_client: redis.Redis) -> None:
    broker = JobctlBroker(client=redis_client)
    actor = dramatiq.actor(kept.fail, broker=broker, max_retries=retries, min_backoff=1, max_backoff=1)
    for _ in range(1 if retries else 3):
        actor.send()
    worker = StockWorker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        eventually(lambda: all_gone(kept.HELD))
    finally:
        worker.stop()
        broker.close()
