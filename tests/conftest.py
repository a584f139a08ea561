"""Fixtures of the whole project: a private server a test process, a clean database a test, the real command."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from jobctl.engine.server.embedded import EmbeddedServer
from jobctl.store.wire.connection import connect
from tests.project import Project, make
from tests.store import invariants
from tests.support import Cli

pytest_plugins = ["tests.tools.missing"]

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""A third of what it costs to start a worker, and half of what it costs to collect the tests, would be compiling."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts this in the background makes all below it deaf to Ctrl-C, which tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "quick",
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile(
    "thorough", settings.get_profile("quick"), max_examples=400, stateful_step_count=100, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
"""The same cases each time: luck must not decide over a suite. `thorough` looks longer, and elsewhere each time."""


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


@pytest.fixture(autouse=True)
def consistent(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that touched the test server: nothing in it contradicts itself (tests/store/invariants.py).

    A test that breaks the rules on purpose is marked `inconsistent`.
    """
    touches = "server" in request.fixturenames and not request.node.get_closest_marker("inconsistent")
    touched = request.getfixturevalue("server") if touches else None
    yield
    if isinstance(touched, EmbeddedServer):
        with connect(touched.url) as client:
            found = [line for store in invariants.namespaces(client) for line in invariants.check(store)]
        assert not found, "\n".join(found)


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
