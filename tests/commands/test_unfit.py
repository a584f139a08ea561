"""Payloads are checked where they run, whoever has written the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis

from jobctl.store import Store
from tests.support import Cli, eventually


def push(client: redis.Redis, actor: str, kwargs: dict[str, Any], args: tuple[Any, ...] = ()) -> None:
    """Enqueue as a stock producer does, without a question asked."""
    options = {"redis_message_id": "raw"}
    body = {"queue_name": "default", "actor_name": actor, "args": args, "kwargs": kwargs, "options": options}
    data = msgspec.json.encode(body | {"message_id": "raw", "message_timestamp": 1_700_000_000_000})
    client.hset("lab:default.msgs", "raw", data)  # type: ignore[arg-type]
    client.rpush("lab:default", "raw")


def ended(store: Store) -> tuple[str, str | None, str | None, int]:
    """(state, error, message, attempts) of the job once it has ended."""
    job = eventually(lambda: (found := store.jobs.find("raw")) and found.state in ("dead", "completed") and found)
    return job.state, job.record.error, job.record.message, job.record.count  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kwargs", "args", "why"),
    [
        ({}, (), "`name` is missing"),
        ({"name": 7}, (), "name: expected string, found 7"),
        ({"name": "Ada", "evil": "-rf"}, (), "unknown `evil`"),
        ({}, (7,), "name: expected string, found 7"),
        ({"n": "x"}, ("Ada",), 'n: expected integer, found "x"'),
        ({}, ("Ada", 1, True, "more"), "unknown `$args`"),
    ],
)
def test_what_does_not_fit_is_dead_with_the_reason_before_it_runs(
    lab: Cli,
    store: Store,
    redis_client: redis.Redis,
    worker: Callable[[], None],
    kwargs: dict[str, Any],
    args: tuple[Any, ...],
    why: str,
) -> None:
    push(redis_client, "greet", kwargs, args)
    worker()
    state, error, message, attempts = ended(store)
    assert (state, error, attempts) == ("dead", "Quarantined", 0)
    assert why in (message or "")


@pytest.mark.parametrize(("kwargs", "args"), [({"name": "Ada"}, ()), ({}, ("Ada", 2)), ({"n": 2}, ("Ada",))])
def test_what_fits_runs(
    lab: Cli,
    store: Store,
    redis_client: redis.Redis,
    worker: Callable[[], None],
    kwargs: dict[str, Any],
    args: tuple[Any, ...],
) -> None:
    push(redis_client, "greet", kwargs, args)
    worker()
    assert ended(store)[::3] == ("completed", 1)


CATALOG = """
version: 1
namespace: lab
jobs:
  show:
    command: [echo, "{{ x }}", "{{ y }}"]
    payload: {required: [x], properties: {x: {type: string, pattern: "^[^-]"}, y: {type: string, default: why}}}
    redact: [x]
  alone:
    python: tests.commands.work_tasks:greet
    isolate: true
    payload: {properties: {name: {type: string}}}
"""


def test_an_argument_that_would_be_an_option_reaches_no_command_and_its_value_is_not_told(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None]
) -> None:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    push(redis_client, "show", {"x": "--remove-everything"})
    worker()
    state, error, message, _ = ended(store)
    assert (state, error) == ("dead", "Quarantined")
    assert "x: does not fit `pattern`; its value is redacted" in (message or "")


def test_the_defaults_of_the_schema_are_filled_in(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None]
) -> None:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    push(redis_client, "show", {"x": "fine"})
    worker()
    assert ended(store)[0] == "completed"


def test_positional_arguments_cannot_slip_past_the_schema_of_an_isolated_job(
    lab: Cli, store: Store, redis_client: redis.Redis, worker: Callable[[], None]
) -> None:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    push(redis_client, "alone", {}, (7,))
    worker()
    assert ended(store)[:2] == ("dead", "Quarantined")
