"""Which side of a process runs a job, its threads or its event loop: by the queue where all types of one agree, else by
the type that the body names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from jobctl import flow
from jobctl.engine.process.runtime import Runtime
from jobctl.store.nouns.settle import Reserved


class _Named(msgspec.Struct):
    actor_name: str = ""


class Routes:
    """The sides of the jobs of some queues. Thread-safe."""

    def __init__(self, runtime: Runtime, queues: Iterable[str]) -> None:
        self._runtime = runtime
        self._name_of = msgspec.json.Decoder(_Named).decode
        kinds: dict[str, set[bool]] = {queue: set() for queue in queues}
        for task in runtime.tasks.values():
            kinds[task.type.queue].add(task.run.on_loop)
        self._kinds: Mapping[str, frozenset[bool]] = {queue: frozenset(found) for queue, found in kinds.items()}

    def of_threads(self) -> list[str]:
        """The queues that may have jobs for threads; one without any type that is known, too."""
        return [queue for queue, found in self._kinds.items() if found != {True}]

    def of_loop(self) -> list[str]:
        """The queues that may have jobs for the loop."""
        return [queue for queue, found in self._kinds.items() if True in found]

    def on_loop(self, job: Reserved) -> bool:
        """Whether a job runs on the loop. One that cannot be read, or of a type that is not known, does not: a thread
        says so."""
        kinds = self._kinds[job.queue]
        if len(kinds) < 2:
            return True in kinds
        task = self._runtime.tasks.get(self._name(job))
        return task is not None and task.run.on_loop

    def lane_aside(self, job: Reserved) -> str:
        """The lane, that of its type alone, in which a job without limits waits for its side and is in nobody's way; ""
        if it has to stay where it was."""
        task = self._runtime.tasks.get(self._name(job)) if not job.lane else None
        if task is None or self._runtime.flows.of(task.type) is not None:
            return ""
        return flow.untyped(task.type.name)

    def _name(self, job: Reserved) -> str:
        try:
            return self._name_of(job.body).actor_name
        except msgspec.MsgspecError:
            return ""
