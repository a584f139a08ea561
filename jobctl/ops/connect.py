"""Which Redis and which namespace an invocation means, and the store for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobctl.errors import OtherLayout, RedisUnavailable
from jobctl.settings import Settings

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store

NOTHING_RUNS = "no Redis is configured, and no embedded server is running"


def redis_url(settings: Settings) -> str:
    """The configured Redis, or else this project's embedded server. Raises RedisUnavailable."""
    if settings.redis_url is not None:
        return settings.redis_url
    from jobctl.engine.server.embedded import find_running

    url = find_running(settings.state_dir)
    if url is None:
        raise RedisUnavailable(NOTHING_RUNS, "start `jobctl up` or set JOBCTL_REDIS_URL")
    return url


def namespace(settings: Settings, catalog: Catalog | None) -> str:
    """The namespace: flag, environment, profile, catalog or the default, in this order."""
    if settings.namespace:
        return settings.namespace
    from jobctl.catalog.model import DEFAULT_NAMESPACE

    return catalog.namespace if catalog else DEFAULT_NAMESPACE


def open_store(
    settings: Settings,
    catalog: Catalog | None,
    *,
    url: str | None = None,
    retries: int = 0,
    timeout_s: float | None = None,
    health_check_s: int = 30,
) -> Store:
    """A store, connected at its first command. A short-lived caller spares the health check (0).

    `retries` repeats a command whose connection broke: only for callers whose commands may run twice. `timeout_s` is
    for one that blocks: more seconds than it blocks. Raises RedisUnavailable when nothing is configured or running.
    """
    name, address = namespace(settings, catalog), url or redis_url(settings)
    from jobctl.redaction import unruled
    from jobctl.store import Store
    from jobctl.store.wire.connection import TIMEOUT_S, connect

    client = connect(
        address,
        password=settings.redis_password(),
        cluster=settings.cluster,
        retries=retries,
        timeout_s=timeout_s or TIMEOUT_S,
        health_check_s=health_check_s,
    )
    rules = unruled if catalog is None else catalog.redacted
    return Store(client, name, cluster=settings.cluster, rules=rules, index_key=settings.index_key())


def refuse_other_layout(store: Store) -> None:
    """Raise OtherLayout where this version cannot work. If Redis is unreachable, the caller waits for it."""
    try:
        store.look()
    except OtherLayout:
        raise
    except RedisUnavailable:
        return


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The URL of the configured Redis, or of this project's embedded server, which runs for as long as this where it
    has data and does not run by itself. Raises as `redis_url` does."""
    try:
        url = redis_url(settings)
    except RedisUnavailable:
        if not any(settings.state_dir.glob("append*")):
            raise
        from jobctl.engine.server.embedded import EmbeddedServer

        with EmbeddedServer(settings.state_dir) as server:
            yield server.url
        return
    yield url
