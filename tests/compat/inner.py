"""A worker process of jobctl's own, inside the test's process: fast to start, and its middleware can be looked at."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dramatiq

from jobctl.catalog.load import load
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.process import Worker
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.tools.stop import StopFlag
from jobctl.store.nouns.jobs import Found
from tests.support import PATIENCE_S, eventually

NAMESPACE = "inner"


class Inner:
    """Starts workers over catalogs and modules that a test writes; `stop` ends them."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.url = redis_url
        self._running: dict[int, tuple[StopFlag, Future[int]]] = {}
        self._modules: list[str] = []
        self._broker = dramatiq.broker.global_broker

    def module(self, name: str, source: str) -> None:
        """Write a module that the catalog may name."""
        (self.folder / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)  # another test's, of the same name
        importlib.invalidate_caches()  # Python may have listed the folder a moment ago
        self._modules.append(name)

    def worker(self, catalog: str, *, threads: int = 1, slots: SlotTable | None = None, **config: Any) -> Worker:
        """A worker, not started yet. Raises what would keep it from starting."""
        path = self.folder / "jobs.yaml"
        path.write_text(f"version: 1\nnamespace: {NAMESPACE}\n{catalog}")
        config = {"grace_s": 5.0, **config}
        child = ChildConfig(name="h:1:x:0", catalog_path=str(path), redis_url=self.url, threads=threads, **config)
        return Worker(child, load(path), slots, {})

    def start(self, catalog: str, **config: Any) -> Worker:
        worker = self.worker(catalog, **config)
        self.run(worker)
        return worker

    def run(self, worker: Worker) -> None:
        """Run a worker that was not started yet."""
        stop = StopFlag()
        running = ThreadPoolExecutor(1).submit(worker.run, stop)
        self._running[id(worker)] = (stop, running)
        eventually(lambda: running.done() or all(fetcher.ident for fetcher in worker.fetchers))

    def drained(self, worker: Worker) -> int:
        """Stop a worker; its exit code."""
        stop, running = self._running.pop(id(worker))
        stop.set()
        return running.result(PATIENCE_S)

    def stop(self) -> None:
        for stop, running in self._running.values():
            stop.set()
            running.result(PATIENCE_S)
        self._running.clear()
        for name in self._modules:
            sys.modules.pop(name, None)
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        dramatiq.set_broker(self._broker)


def ended(worker: Worker, message: Any, timeout: float = PATIENCE_S) -> Found:
    """The job of a message, once it is over."""

    def look() -> Found | None:
        job = worker.store.jobs.find(message.message_id)
        return job if job is not None and job.state in ("completed", "dead", "cancelled") else None

    return worker.store.jobs.detailed(eventually(look, timeout))  # type: ignore[arg-type]
