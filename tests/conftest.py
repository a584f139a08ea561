"""Fixtures of the whole project: a private server a test process, a clean database a test, the real command."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobctl.engine.embedded import EmbeddedServer
from jobctl.store.connection import connect
from tests.project import Project, make
from tests.support import Cli


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """A private Valkey on a Unix socket, in memory; one for each test process, so xdist is safe."""
    with (
        tempfile.TemporaryDirectory(prefix="jobctl-test-") as folder,
        EmbeddedServer(Path(folder, "state"), durable=False) as running,
    ):
        yield running


@pytest.fixture
def redis_url(server: EmbeddedServer) -> str:
    """The test server's URL."""
    return server.url


@pytest.fixture
def redis_client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A client of the test server, whose data is gone before each test."""
    client = connect(server.url)
    client.flushall()
    client.script_flush()
    yield client
    client.close()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The real command in an empty folder, with nothing configured."""
    return Cli(tmp_path)


@pytest.fixture
def redis_cli(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Cli:
    """The real command in an empty folder, with the (clean) test server configured."""
    return Cli(tmp_path, {"JOBCTL_REDIS_URL": redis_url})


@pytest.fixture
def project(redis_cli: Cli, redis_url: str) -> Iterator[Project]:
    """A folder with a catalog and tasks, over the (clean) test server."""
    yield from make(redis_cli, redis_url)
