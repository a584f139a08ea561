"""The same world for the stock broker: its own workers, its own keys, the same ledger and the same count."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from tests.chaos.arena import ROOT, Tally
from tests.chaos.ledger import Ledger
from tests.chaos.server import Server

NAMESPACE = "stock"


class StockArena:
    """One server, `dramatiq` workers, and what was accepted."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self.ledger = Ledger(folder / "ledger")
        self.accepted: list[str] = []
        self.client = redis.Redis.from_url(server.url)
        self._broker = RedisBroker(url=server.url, namespace=NAMESPACE)
        self._workers: list[subprocess.Popen[bytes]] = []

    def send(self, actor: str, count: int = 1, *, delay: float | None = None, **kwargs: Any) -> list[str]:
        ids = []
        for _ in range(count):
            message: dramatiq.Message[Any] = dramatiq.Message("default", actor, (), kwargs, {})
            self._broker.declare_queue("default")
            self._broker.enqueue(message, delay=None if delay is None else int(delay * 1000))
            ids.append(message.message_id)
        self.accepted += ids
        return ids

    def worker(self, *, processes: int = 1, threads: int = 8) -> None:
        """Start `dramatiq`, and wait until it has run a job."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "CHAOS_LEDGER": str(self.ledger.path),
            "CHAOS_REDIS": self.server.url,
        }
        command = [sys.executable, "-m", "dramatiq", "tests.chaos.stock_app"]
        with (self.folder / f"worker-{len(self._workers)}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--processes", str(processes), "--threads", str(threads)],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._workers.append(process)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every accepted job has ended."""
        deadline = time.monotonic() + timeout_s
        while self._unfinished():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _unfinished(self) -> set[str]:
        try:
            return set(self.accepted) - self.ledger.done() - self.dead()
        except redis.RedisError:
            return {"?"}

    def dead(self) -> set[str]:
        return self._ids("default.XQ.msgs")

    def _ids(self, hash_name: str) -> set[str]:
        """Message ids in one of the hashes; a body that cannot be read counts by its key."""
        return {_id(key, body) for key, body in self.client.hgetall(f"{NAMESPACE}:{hash_name}").items()}

    def tally(self) -> Tally:
        accepted, done, dead = set(self.accepted), self.ledger.done(), self.dead()
        live = (self._ids("default.msgs") | self._ids("default.DQ.msgs")) & accepted - done
        return Tally(
            accepted=len(accepted),
            lost=len(accepted - done - dead - live),
            stuck=len(live),
            dead=len(dead),
            repeated=self.ledger.repeats(accepted),
        )

    def close(self) -> None:
        for process in self._workers:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.server.kill()


def _id(key: bytes, body: bytes) -> str:
    try:
        return str(json.loads(body)["message_id"])
    except (ValueError, KeyError, TypeError):
        return key.decode()


@contextmanager
def stock_arena(folder: Path, **options: str) -> Iterator[StockArena]:
    """A fresh world of the stock broker; everything is ended at the end."""
    server = Server(folder, **options)
    server.start()
    made = StockArena(folder, server)
    try:
        yield made
    finally:
        made.close()
