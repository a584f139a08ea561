"""The broker of `jobctl worker`: the catalog decides about retries, the application brings middleware."""

from __future__ import annotations

import logging
from typing import Any

import redis
from dramatiq.broker import Broker
from dramatiq.middleware import Callbacks, CurrentMessage, Middleware, MiddlewareError, Pipelines
from dramatiq.middleware.retries import Retries

from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.engine.dramatiq.hooks import Hooks
from jobctl.errors import UsageError
from jobctl.store import Store

_log = logging.getLogger("jobctl.worker")

ALWAYS: tuple[type[Middleware], ...] = (CurrentMessage, Callbacks, Pipelines)
"""What every worker has, before the application's own."""


class AnyOption(set[str]):
    """The options that actors may have. Holds those that some middleware provides, and refuses none: what nobody
    provides is told when a worker starts (application.py), and must not keep a module from being imported."""

    def __rsub__(self, _asked: Any) -> set[str]:
        """Dramatiq refuses an actor for its options without those of the broker."""
        return set()


class WorkerBroker(JobctlBroker):
    """A JobctlBroker whose messages are run by jobctl's own threads. `hooks` is made again with each middleware."""

    hooks: Hooks

    def __init__(self, client: redis.Redis, namespace: str, store: Store | None = None) -> None:
        super().__init__(
            client=client, namespace=namespace, store=store, middleware=[middleware() for middleware in ALWAYS]
        )
        self.actor_options = AnyOption(self.actor_options)

    def add_middleware(self, middleware: Middleware, **place: type[Middleware] | None) -> None:
        """Add a middleware; one that every worker has replaces the worker's. Raises UsageError for Retries."""
        if isinstance(middleware, Retries):
            raise UsageError(
                f"{type(middleware).__name__} cannot decide about retries under `jobctl worker`: the catalog does",
                "remove it, and set `retries` in the catalog",
            )
        if type(middleware) in ALWAYS:
            self.middleware[:] = [known for known in self.middleware if type(known) is not type(middleware)]
        super().add_middleware(middleware, **place)
        self.hooks = Hooks(self)

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """A hook cannot refuse that a worker stops, or its threads do: jobs have to be given back."""
        try:
            super().emit_before(signal, *args, **kwargs)
        except MiddlewareError:
            if not signal.endswith("_shutdown"):
                raise
            _log.critical("unexpected failure in before_%s", signal, exc_info=True)

    def adopt(self) -> None:
        """Add the middleware that libraries give to every broker by patching Dramatiq's constructor, as Sentry's does.

        This broker was made before the application was imported, and so before the patch.
        """
        for middleware in Broker(middleware=[]).middleware:
            if not any(type(known) is type(middleware) for known in self.middleware):
                self.add_middleware(middleware, before=type(self.middleware[0]))
