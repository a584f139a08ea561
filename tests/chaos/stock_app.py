"""The same jobs as stock Dramatiq actors on the stock RedisBroker, for its own command-line workers."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage

from tests.chaos import tasks

NAMESPACE = "stock"
broker = RedisBroker(url=os.environ["CHAOS_REDIS"], namespace=NAMESPACE)
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)


def _identity() -> tuple[str, int]:
    message = CurrentMessage.get_current_message()
    assert message is not None
    return message.message_id, message.options.get("retries", 0) + 1


tasks.identity = _identity
work = dramatiq.actor(tasks.work, max_retries=5, min_backoff=1000, max_backoff=1000)
fail_while = dramatiq.actor(tasks.fail_while, max_retries=5, min_backoff=1000, max_backoff=1000)
mortal_fail = dramatiq.actor(tasks.fail_while, actor_name="mortal_fail", max_retries=0)
