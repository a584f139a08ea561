"""Redis errors as a person reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.wire.connection import connect, mapping, translate


def test_a_refused_connection_says_where_and_hides_the_password(tmp_path: Path) -> None:
    url = f"unix://:hush@{tmp_path}/none.sock"
    with pytest.raises(RedisUnavailable) as caught, mapping(url):
        connect(url).ping()
    assert f"unix://:***@{tmp_path}/none.sock cannot be reached" in caught.value.message
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."), "out of memory"),
        (redis.ResponseError("READONLY You can't write against a read only replica."), "read-only"),
        (redis.ResponseError("NOAUTH Authentication required."), "requires a password"),
        (redis.exceptions.NoPermissionError("this user has no permissions"), "does not permit"),
        (redis.ResponseError("MISCONF Valkey is configured to save"), "cannot write to its disk"),
        (redis.ResponseError("user_script:1: OOM command not allowed script: f0"), "out of memory"),
        (redis.TimeoutError("Timeout reading from socket"), "does not answer"),
    ],
)
def test_each_refusal_is_named(error: redis.RedisError, says: str) -> None:
    told = translate(error, "redis://h")
    assert told is not None
    assert says in told.message
    assert told.exit_code == 3


def test_what_is_not_redis_is_left_alone() -> None:
    assert translate(ValueError("x")) is None
    with pytest.raises(ValueError, match="x"), mapping("redis://h"):
        raise ValueError("x")


def test_the_client_is_named_and_its_options_come_from_the_url(redis_client: redis.Redis) -> None:
    assert redis_client.client_getname() in ("jobctl", b"jobctl")
    with pytest.raises(UsageError, match="cannot be used"):
        connect("redis://h/0?nonsense=1").ping()
