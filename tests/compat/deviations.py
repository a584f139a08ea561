"""Dramatiq's tests of its Redis broker that do not hold for ours, each with the reason, as in docs/dramatiq.md."""

from __future__ import annotations

DEVIATIONS = {
    "test_redis_unacked_messages_can_be_requeued": (
        "reads `__acks__`, which any stock client may take from; reservations lie in `@running`, each with a token"
    ),
    "test_redis_messages_can_be_dead_lettered": (
        "reads `.XQ`, which stock clients delete from after 7 days; dead letters lie in `@dead`, with their reason"
    ),
    "test_redis_dead_lettered_messages_are_cleaned_up": "dead letters are never deleted without being asked",
    "test_redis_messages_belonging_to_missing_actors_are_rejected": (
        "a message of an unknown actor waits for a deploy that brings it, 15 minutes by default, before it is dead"
    ),
    "test_redis_requeues_unhandled_delay_messages_on_shutdown": (
        "reads `.DQ`; a delayed message is never in a worker's memory, it waits in `@delayed` until it is due"
    ),
    "test_redis_join_race_condition": "counts keys, of which stock has two a message; we count each job once",
}
