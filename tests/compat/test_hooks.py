"""Middleware hooks fire as with the stock broker, but for what docs/dramatiq.md says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.worker import Worker as StockWorker

from jobctl.catalog.load import load
from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.process import Worker
from tests.compat.recorder import Recorder
from tests.support import eventually

PROMOTION = ["before_delay_message default.DQ", "before_enqueue default", "after_enqueue default",
             "before_ack default.DQ", "after_ack default.DQ"]  # fmt: skip
"""What a stock worker does with a delayed message. With us Redis makes it ready, and no worker knows."""
ENQUEUE = ["before_enqueue default", "after_enqueue default"]
RETRY = ["before_enqueue default.DQ later", "after_enqueue default.DQ later"]
PROCESS = ["before_process_message default", "after_process_message default"]
FAIL = ["before_process_message default", "after_process_message default ValueError"]
ACK = ["before_ack default", "after_ack default"]
NACK = ["before_nack default", "after_nack default"]
SKIP = ["before_process_message default", "after_skip_message default"]

CASES = {
    "success": (ENQUEUE + PROCESS + ACK, {}),
    "retry": (ENQUEUE + FAIL + RETRY + ACK + PROMOTION + FAIL + NACK, {"max_retries": 1, "min_backoff": 200}),
    "failure": (ENQUEUE + FAIL + NACK, {"max_retries": 0}),
    "skip": (ENQUEUE + SKIP + ACK, {}),
}


class Skipper(Middleware):
    """Skips messages of the case `skip`."""

    def before_process_message(self, _broker: Any, message: Any) -> None:
        if message.args == ("skip",):
            raise SkipMessage("as asked")


def act(case: str) -> None:
    if case in ("retry", "failure"):
        raise ValueError(case)


def without(lines: list[str], part: list[str]) -> list[str]:
    left = list(lines)
    for line in part:
        if line in left:
            left.remove(line)
    return left


def recorded(broker: RedisBroker, case: str, expected: list[str]) -> list[str]:
    """What fires while a stock worker runs one message to its end."""
    recorder = Recorder()
    broker.add_middleware(recorder)
    broker.add_middleware(Skipper())
    actor = dramatiq.actor(act, broker=broker, actor_name="act", **CASES[case][1])
    worker = StockWorker(broker, worker_timeout=50, worker_threads=1)
    actor.send(case)  # before the worker starts, which would overtake `after_enqueue`
    worker.start()
    try:
        eventually(lambda: len(recorder.of_messages()) >= len(expected))
    finally:
        worker.stop()
        broker.close()
    return recorder.of_messages()


@pytest.mark.inconsistent
@pytest.mark.parametrize("case", CASES)
def test_the_stock_broker_is_as_we_know_it(case: str, redis_client: redis.Redis) -> None:
    expected = CASES[case][0]
    lines = recorded(RedisBroker(client=redis_client), case, expected)
    assert sorted(lines) == sorted(expected)
    assert without(lines, PROMOTION) == without(expected, PROMOTION)


@pytest.mark.parametrize("case", CASES)
def test_a_stock_worker_on_our_broker_fires_the_same(case: str, redis_client: redis.Redis) -> None:
    expected = CASES[case][0]
    if case == "retry":
        expected = ENQUEUE + FAIL + RETRY + ACK + FAIL + NACK
    assert recorded(JobctlBroker(client=redis_client), case, expected) == expected


def lifecycle(broker: RedisBroker) -> list[str]:
    recorder = Recorder()
    broker.add_middleware(recorder)
    dramatiq.actor(act, broker=broker, actor_name="act")
    worker = StockWorker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    eventually(lambda: sum("consumer_thread_boot" in line for line in recorder.lines) == 2)
    worker.stop()
    broker.close()
    return recorder.lines


@pytest.mark.inconsistent
def test_a_stock_workers_life_is_the_same_on_both_brokers(redis_client: redis.Redis) -> None:
    assert sorted(lifecycle(JobctlBroker(client=redis_client))) == sorted(lifecycle(RedisBroker(client=redis_client)))


CATALOG = """
version: 1
namespace: hooks
jobs:
  act:
    python: hooked:act
    retries: {max: %d, delays: [1ms]}
"""


@pytest.fixture
def run_ours(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Callable[[str, int], list[str]]]:
    """Runs one job in jobctl's own worker and gives what fired."""
    (tmp_path / "hooked.py").write_text("def act(case):\n    if case != 'success':\n        raise ValueError(case)\n")
    workers: list[Worker] = []

    def run(case: str, retries: int) -> list[str]:
        path = tmp_path / "jobs.yaml"
        path.write_text(CATALOG % retries)
        config = ChildConfig(name="h:1:x:0", catalog_path=str(path), redis_url=redis_url, grace_s=5.0)
        worker = Worker(config, load(path), None, {})
        workers.append(worker)
        recorder = Recorder()
        worker.broker.add_middleware(recorder)
        worker.broker.add_middleware(_SkipByPayload())
        worker.broker.actors["act"].send_with_options(kwargs={"case": case})
        worker.start()
        eventually(lambda: worker.broker.do_qsize("default") == 0)
        return recorder.of_messages()

    yield run
    for worker in workers:
        for fetcher in worker.fetchers:
            fetcher.stop()
        worker.desk_stop()
        worker.committer.finish(5.0)
        worker.control.stop()
        worker.watchdog.stop()


class _SkipByPayload(Middleware):
    """Skips as the payload says; `later` only the first time, and then it enqueues the message again."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        if message.kwargs == {"case": "later"} and not message.options.get("seen"):
            broker.enqueue(message.copy(options={"seen": True}), delay=1)
            raise SkipMessage("not yet")
        if message.kwargs == {"case": "skip"}:
            raise SkipMessage("as asked")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("success", ENQUEUE + PROCESS + ACK),
        ("retry", ENQUEUE + FAIL + RETRY + ACK + FAIL + NACK),
        ("failure", ENQUEUE + FAIL + NACK),
        ("skip", ENQUEUE + SKIP + ACK),
        ("later", ENQUEUE + SKIP[:1] + RETRY + SKIP[1:] + ACK + FAIL + NACK),
    ],
)
def test_jobctls_own_worker_fires_the_same(
    case: str, expected: list[str], run_ours: Callable[[str, int], list[str]]
) -> None:
    assert run_ours(case, int(case == "retry")) == expected
