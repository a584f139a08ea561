"""The same jobs as stock Dramatiq actors on the stock RedisBroker."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks import tasks
from benchmarks.harness import QUEUES

broker = RedisBroker(url=os.environ["BENCH_URL"], namespace="stock")
dramatiq.set_broker(broker)
noop = dramatiq.actor(tasks.noop)
incr = dramatiq.actor(tasks.incr)
stamp = dramatiq.actor(tasks.stamp)
for queue in QUEUES:
    broker.declare_queue(queue)
