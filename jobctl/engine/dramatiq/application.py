"""The application's part of `jobctl worker`: its Dramatiq middleware, and whatever its actors ask for in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dramatiq import Actor, Message, set_broker
from dramatiq.middleware import Middleware, default_middleware

from jobctl.catalog.imports import in_a_line, make_importable, placed, resolve
from jobctl.catalog.model import Catalog, JobType, MiddlewareSpec
from jobctl.catalog.problems import CatalogError, Problem
from jobctl.engine.dramatiq.middleware.retries import Retries
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.errors import UsageError
from jobctl.store import Store
from jobctl.store.wire.connection import connect

MAX_SHOWN = 40

_SAID_BY: Mapping[str, str] = {
    "max_retries": "retries", "min_backoff": "retries", "max_backoff": "retries", "retry_when": "retries",
    "throws": "retries", "on_retry_exhausted": "retries", "time_limit": "timeout", "max_age": "expires",
}  # fmt: skip
"""Options of Dramatiq's own middleware that a key of the catalog takes the place of."""
_OF_RESULTS = frozenset({"store_results", "result_ttl"})


class Unusable(Exception):
    """An entry of `worker.middleware` that gives no middleware. `args` are the message and, maybe, a hint."""


def equip(broker: WorkerBroker, catalog: Catalog) -> tuple[Problem, ...]:
    """Import and make what is under `worker.middleware`, and add it to the broker, in its order.

    A problem for each entry that does not work; modules with actors may be imported by this.
    """
    make_importable(catalog)
    problems = []
    for index, spec in enumerate(catalog.worker.middleware):
        try:
            for middleware in _made(spec):
                broker.add_middleware(middleware)
        except UsageError as error:
            problems.append(placed(catalog, f"worker.middleware[{index}]", error.message, error.hint))
        except Unusable as reason:
            problems.append(placed(catalog, f"worker.middleware[{index}]", *reason.args))
    return tuple(problems)


class _StandIn(WorkerBroker):
    """A worker's broker where no worker runs. It connects when the first message is sent."""

    def __init__(self, namespace: str, open_store: Callable[[], Store]) -> None:
        super().__init__(connect("redis://localhost"), namespace)
        self._open_store = open_store

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """As a worker's. Raises what `open_store` raises."""
        self.store = self._open_store()
        self.client = self.store.connection
        return super().enqueue(message, delay=delay)


def stand_in(catalog: Catalog, open_store: Callable[[], Store]) -> None:
    """Set the broker and the middleware that a worker would have, so that modules with actors can be imported.

    `open_store` is called when a message is sent. Raises CatalogError for middleware that does not work.
    """
    broker = _StandIn(catalog.namespace, open_store)
    set_broker(broker)
    if problems := equip(broker, catalog):
        raise CatalogError(problems)


def _made(spec: MiddlewareSpec) -> list[Middleware]:
    """The middleware that an entry names: one that is made already, or what calling the target gives."""
    found, problem = resolve(spec.target)
    if problem is not None:
        raise Unusable(*problem)
    if callable(found) and not isinstance(found, Middleware):
        found = _called(found, spec)
    elif spec.options is not None:
        raise Unusable(
            f"`{spec.target}` is already an instance: `options` have no effect", "name its class, or a function"
        )
    given = list(found) if isinstance(found, list | tuple) else [found]
    for middleware in given:
        if not isinstance(middleware, Middleware):
            found = type(middleware).__name__
            raise Unusable(f"expected a Dramatiq middleware from `{spec.target}`, found `{found}`")
    return given


def _called(target: Any, spec: MiddlewareSpec) -> Any:
    try:
        return target(**(spec.options or {}))
    except (Exception, SystemExit) as error:
        hint = "give `options`, or name a function that makes it" if isinstance(error, TypeError) else ""
        raise Unusable(f"`{spec.target}` cannot be created: {in_a_line(error)}", hint) from error


def unprovided(broker: WorkerBroker, catalog: Catalog, actors: Mapping[str, Actor[Any, Any]]) -> tuple[Problem, ...]:
    """What existing actors ask for and no worker gives: a line for each job type, by whose name `actors` are given."""
    found = []
    for name, actor in actors.items():
        asked = list(_in_vain(broker, catalog.jobs[name], actor.options))
        if asked:
            message = f"options of the actor that have no effect here: {', '.join(asked)}"
            found.append(placed(catalog, f"jobs.{name}.actor", message))
    found += _unused(broker, catalog, actors)
    return tuple(found)


def _in_vain(broker: WorkerBroker, job: JobType, options: Mapping[str, Any]) -> Iterator[str]:
    for option, value in options.items():
        if option in broker.actor_options or value is None or value is False or _agrees(job, option, value):
            continue
        shown = value.__name__ if isinstance(value, type) else repr(value)
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
        if option in _SAID_BY:
            yield f"{option}={shown} (the catalog's `{_SAID_BY[option]}` decides)"
        elif option in _OF_RESULTS:
            yield f"{option}={shown} (`worker.middleware` has no Results)"
        else:
            yield f"{option}={shown} (no middleware provides it)"


def _agrees(job: JobType, option: str, value: Any) -> bool:
    """Whether the catalog says the same as the actor."""
    match option:
        case "max_retries":
            return bool(value == job.retries.max)
        case "time_limit":
            return bool(value == job.timeout_ms)
        case "max_age":
            return bool(value == job.expires_ms)
        case "throws":
            classes = value if isinstance(value, tuple) else (value,)
            return all(getattr(kind, "__name__", "") in job.retries.never_on for kind in classes)
    return False


def _unused(broker: WorkerBroker, catalog: Catalog, actors: Mapping[str, Actor[Any, Any]]) -> Iterator[Problem]:
    """Brokers that the application made for itself: their middleware does not run here. A line for each."""
    ours = {*map(type, broker.middleware), *default_middleware, Retries}
    told = {id(broker)}
    for name, actor in actors.items():
        kinds = {type(middleware) for middleware in actor.broker.middleware} - ours
        if kinds and id(actor.broker) not in told:
            missing = ", ".join(sorted(f"{kind.__module__}:{kind.__name__}" for kind in kinds))
            message = f"the actor's {type(actor.broker).__name__} has middleware that does not run here: {missing}"
            yield placed(catalog, f"jobs.{name}.actor", message, "list it under `worker.middleware`")
        told.add(id(actor.broker))
