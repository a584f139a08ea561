"""What of Dramatiq's own tests does not hold for JobctlBroker, each with the reason, as in docs/dramatiq.md."""

from __future__ import annotations

_UNKNOWN = "a message of an unknown actor waits for a deploy that brings it, 15 minutes by default, before it is dead"
_ANY_QUEUE = "as with RedisBroker, a queue that was not declared is an empty one, and no error"
_LIMITERS = "tests the rate limiters, in which no broker has a part"

DEVIATIONS = {
    "test_redis_unacked_messages_can_be_requeued": (
        "reads `__acks__`, which any stock client may take from; reservations lie in `@running`, each with a token"
    ),
    "test_redis_messages_can_be_dead_lettered": (
        "reads `.XQ`, which stock clients delete from after 7 days; dead letters lie in `@dead`, with their reason"
    ),
    "test_redis_dead_lettered_messages_are_cleaned_up": "dead letters are never deleted without being asked",
    "test_redis_messages_belonging_to_missing_actors_are_rejected": _UNKNOWN,
    "test_redis_requeues_unhandled_delay_messages_on_shutdown": (
        "reads `.DQ`; a delayed message is never in a worker's memory, it waits in `@delayed` until it is due"
    ),
    "test_redis_join_race_condition": "counts keys, of which stock has two a message; we count each job once",
    "test_messages_belonging_to_missing_actors_are_rejected": _UNKNOWN,
    "test_actors_can_be_sent_messages": (
        "compares what `send` returns with what is stored: only the first has `redis_message_id`, as with RedisBroker"
    ),
    "test_worker_handles_non_numeric_eta_and_logs_warning": (
        "an `eta` inside a stored message has no effect, and no warning: Redis knows when a job is due"
    ),
    "test_workers_dont_register_queues_that_arent_whitelisted": (
        "declares a queue `c.DQ`, whose keys would be those of the queue `c`: `declare_queue` raises UsageError"
    ),
    "test_stub_broker_raises_queue_error_when_consuming_undeclared_queues": _ANY_QUEUE,
    "test_stub_broker_raises_queue_error_when_enqueueing_messages_on_undeclared_queues": _ANY_QUEUE,
    "test_stub_broker_raises_queue_error_when_joining_on_undeclared_queues": _ANY_QUEUE,
}
"""Tests that are left out."""

LEFT_OUT = {
    "test_rabbitmq": "tests the RabbitMQ broker",
    "test_cli": "tests the options and signals of the `dramatiq` command; `tests/compat/test_programs.py` runs it",
    "test_pidfile": "tests an option of the `dramatiq` command",
    "test_watch": "tests an option of the `dramatiq` command",
    "test_types": "is read by a type checker and runs nothing",
    "test_barrier": f"{_LIMITERS}, and counts on 10 ms",
    "test_bucket_rate_limiter": f"{_LIMITERS}, and counts on a second",
    "test_concurrent_rate_limiter": f"{_LIMITERS}, and counts on 300 ms",
    "test_window_rate_limiter": f"{_LIMITERS}, and sleeps 20 s",
}
"""Modules that are left out."""
