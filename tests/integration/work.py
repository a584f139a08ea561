"""A catalog, a worker and a producer, as they go on while servers come and go."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from jobctl import clock
from jobctl.client import Client
from jobctl.errors import RedisUnavailable
from tests.support import PATIENCE_S, Cli, eventually

CATALOG = "version: 1\nnamespace: shop\njobs:\n  note: {command: [touch, 'ran-{{ n }}']}\n"
DEADLINE_S = 120.0


class Site:
    """A folder with a catalog whose one job leaves a file."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.cli = Cli(folder, env)
        (folder / "jobs.yaml").write_text(CATALOG)
        self._numbers = itertools.count()
        self.accepted: list[int] = []

    def enqueue(self, client: Client) -> bool:
        """Enqueue one job; False if Redis refused or was away."""
        number = next(self._numbers)
        with contextlib.suppress(RedisUnavailable):
            client.enqueue("note", {"n": number}, id=f"n{number}")
            self.accepted.append(number)
            return True
        return False

    def keep_enqueuing(self, client: Client, count: int) -> None:
        """Enqueue until `count` more jobs were accepted, whatever happens meanwhile."""
        wanted, deadline = len(self.accepted) + count, clock.monotonic() + DEADLINE_S
        while len(self.accepted) < wanted:
            assert clock.monotonic() < deadline, "no job is accepted any more"
            self.enqueue(client)

    def all_ran(self) -> bool:
        return all((self.folder / f"ran-{n}").exists() for n in self.accepted)

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen[str]]:
        """`jobctl worker`, which must end well at SIGTERM."""
        process = self.cli.start("worker", "--processes", "1", "--threads", "2", stderr=(self.folder / "log").open("w"))
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0, (self.folder / "log").read_text()[-3000:]
        finally:
            process.kill()
            process.wait()

    def wait_until_all_ran(self) -> None:
        eventually(self.all_ran, what=f"all ran; the worker says {(self.folder / 'log').read_text()[-2000:]}")
