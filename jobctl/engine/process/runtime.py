"""What a worker process can run: the catalog's job types as Dramatiq actors with their handlers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dramatiq

from jobctl.catalog.model import Catalog, JobType
from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.flow import Flows
from jobctl.handlers import build
from jobctl.handlers.base import Handler


@dataclass(frozen=True, slots=True)
class Task:
    """A job type, ready to run. `interrupts`: its time limit is an exception raised in its thread."""

    type: JobType
    run: Handler
    interrupts: bool


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything attempts need besides the job. `enqueue` is the client's, for `jobctl.current().enqueue`."""

    tasks: Mapping[str, Task]
    enqueue: Callable[..., Any]
    flows: Flows
    environment: Mapping[str, str]
    unknown_after_ms: int

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

    def environment_of(self, job_id: str, attempt: int, token: str) -> Mapping[str, str]:
        """What a command finds in its environment. With the token, `jobctl log` and `progress` speak for this attempt
        and no other."""
        return {
            **self.environment,
            "JOBCTL_JOB_ID": job_id,
            "JOBCTL_ATTEMPT": str(attempt),
            "JOBCTL_TOKEN": token,
        }


def prepare(
    catalog: Catalog,
    broker: JobctlBroker,
    env: Mapping[str, str],
    environment: Mapping[str, str],
    enqueue: Callable[..., Any],
    queues: tuple[str, ...] | None = None,
) -> Runtime:
    """Import and compile every job type of `queues` (None: all) and declare it as an actor on `broker`.

    Raises UsageError for one that cannot work.
    """
    folder = Path(catalog.path).resolve().parent if catalog.path else Path.cwd()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    dramatiq.set_broker(broker)
    tasks: dict[str, Task] = {}
    for job_type in catalog.jobs.values():
        if queues is not None and job_type.queue not in queues:
            continue
        handler = build(job_type, env=env, folder=folder)
        task = Task(job_type, handler, not handler.enforces_deadline)
        for name in {job_type.name, handler.actor_name or job_type.name}:
            tasks[name] = task
            broker.actors.pop(name, None)
            dramatiq.Actor(
                _entry(job_type.name),
                broker=broker,
                actor_name=name,
                queue_name=job_type.queue,
                priority=job_type.priority,
                options={},
            )
    return Runtime(tasks, enqueue, Flows(catalog), environment, catalog.unknown_after_ms)


def _entry(name: str) -> Callable[..., Any]:
    """An actor's function: there so that `send` works on it. Workers call the handler with the whole attempt."""

    def entry(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(f"job type `{name}` is run by `jobctl worker` or `jobctl run`")

    return entry
