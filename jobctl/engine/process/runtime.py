"""What a worker process can run: the catalog's job types as Dramatiq actors with their handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dramatiq

from jobctl import tracing
from jobctl.catalog.imports import folder, make_importable
from jobctl.catalog.model import Catalog, JobType
from jobctl.engine.attempt.fitness import Fit, fitting
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.flow import Flows
from jobctl.handlers import build
from jobctl.handlers.base import Handler
from jobctl.handlers.lifespan import Lifespan
from jobctl.handlers.lifespan import load as load_lifespan


@dataclass(frozen=True, slots=True)
class Task:
    """A job type, ready to run. `interrupts`: its time limit is an exception raised in its thread. `fit` checks
    payloads against its schema, if it has one."""

    type: JobType
    run: Handler
    interrupts: bool
    fit: Fit | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything attempts need besides the job. `enqueue` is the client's, for `jobctl.current().enqueue`."""

    tasks: Mapping[str, Task]
    enqueue: Callable[..., Any]
    flows: Flows
    environment: Mapping[str, str]
    unknown_after_ms: int
    lifespan: Lifespan
    trace: Callable[[], Mapping[str, str]] = dict
    """What commands find in their environment of the trace that is current."""

    def warm(self) -> None:
        """Start the processes of isolated jobs, which are ready a moment later; `cool` ends those that are idle."""
        for task in self._each():
            task.run.warm()

    def cool(self) -> None:
        for task in self._each():
            task.run.close()

    def _each(self) -> list[Task]:
        """An existing actor may stand under two names."""
        return list({id(task): task for task in self.tasks.values()}.values())


def prepare(
    catalog: Catalog,
    broker: WorkerBroker,
    env: Mapping[str, str],
    environment: Mapping[str, str],
    enqueue: Callable[..., Any],
    queues: tuple[str, ...] | None = None,
) -> Runtime:
    """Import and compile every job type of `queues` (None: all) and declare it as an actor on `broker`.

    Raises UsageError for one that cannot work.
    """
    make_importable(catalog)
    tasks: dict[str, Task] = {}
    for job_type in catalog.jobs.values():
        if queues is not None and job_type.queue not in queues:
            continue
        handler = build(job_type, env=env, folder=Path(folder(catalog)), lifespan=catalog.worker.lifespan)
        fit = fitting(job_type, getattr(handler, "function", None))
        task = Task(job_type, handler, not handler.enforces_deadline, fit)
        actor = handler.actor
        for name in {job_type.name, actor.actor_name if actor is not None else job_type.name}:
            tasks[name] = task
            _declare(broker, job_type, name, actor)
    broker.adopt()
    lifespan = load_lifespan(catalog.worker.lifespan)
    trace = tracing.environment if catalog.traces else dict
    return Runtime(tasks, enqueue, Flows(catalog), environment, catalog.unknown_after_ms, lifespan, trace)


def _declare(broker: WorkerBroker, job_type: JobType, name: str, actor: dramatiq.Actor[Any, Any] | None) -> None:
    """Let the broker have an actor of that name, with the catalog's queue and priority. An existing one stands for
    itself if it agrees; else another one does, with its options, for middleware looks at these."""
    place = (job_type.queue, job_type.priority)
    if actor is not None and broker.actors.get(name) is actor and (actor.queue_name, actor.priority) == place:
        return
    broker.actors.pop(name, None)
    dramatiq.Actor(
        _entry(job_type.name),
        broker=broker,
        actor_name=name,
        queue_name=job_type.queue,
        priority=job_type.priority,
        options=dict(actor.options) if actor is not None else {},
    )


def _entry(name: str) -> Callable[..., Any]:
    """An actor's function: there so that `send` works on it. Workers call the handler with the whole attempt."""

    def entry(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(f"job type `{name}` is run by `jobctl worker` or `jobctl run`")

    return entry
