"""Tries a catalog out as a worker process would, in a process of its own.

Run as `python -m jobctl.engine.process.preflight FD`.

Not in the supervisor itself: imported code would stay in its memory, and a module that was once imported is not read
again at the next check.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import dramatiq
import msgspec

from jobctl.catalog.imports import check_imports
from jobctl.catalog.problems import CatalogError, Problem
from jobctl.engine.dramatiq.application import equip, unprovided
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.entry import read_config
from jobctl.engine.process.process import read_catalog
from jobctl.engine.process.runtime import prepare
from jobctl.engine.process.slots import shared_file
from jobctl.errors import UsageError
from jobctl.settings import environment
from jobctl.store.wire.connection import connect

_NOWHERE = "redis://localhost"
"""A broker wants a client; this one never connects."""


class Findings(msgspec.Struct, frozen=True):
    """What is wrong: problems with a place in the catalog, or else one error without; and what else is to be told.

    The first field is required: that tells an answer from the question, which is in the same file.
    """

    problems: tuple[Problem, ...]
    message: str = ""
    hint: str = ""
    warnings: tuple[Problem, ...] = ()
    """What works, but not as the application may believe."""
    forks: tuple[str, ...] = ()
    """The functions, as `module:name`, that its middleware wants to be run in processes of their own."""

    def check(self) -> None:
        """Raise CatalogError or UsageError with what would keep a worker process from starting."""
        if self.problems:
            raise CatalogError(self.problems)
        if self.message:
            raise UsageError(self.message, self.hint)


class Preflight:
    """A process that tries a catalog out. `findings` is None until it has ended; `close` frees what it took."""

    def __init__(self, config: ChildConfig) -> None:
        """Start it. It imports and compiles every job type that `config` serves, and connects to nothing."""
        self._fd = shared_file(0)
        try:
            os.write(self._fd, config.encode())
            argv = [sys.executable, "-m", "jobctl.engine.process.preflight", str(self._fd)]
            # what modules print when they are imported is not this command's data
            self._process = subprocess.Popen(argv, pass_fds=(self._fd,), stdin=subprocess.DEVNULL, stdout=2)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def findings(self) -> Findings | None:
        code = self._process.poll()
        if code is None:
            return None
        answer = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(answer, type=Findings)
        return Findings((), f"importing the Python targets of the catalog ended the process with exit code {code}")

    def wait(self) -> Findings:
        """What it found, once it has ended."""
        self._process.wait()
        findings = self.findings
        assert findings is not None
        return findings

    def close(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._fd)


def check(config: ChildConfig) -> Findings:
    """Try out what `config` serves. Raises CatalogError or UsageError with what would keep a worker from starting."""
    preflight = Preflight(config)
    try:
        findings = preflight.wait()
    finally:
        preflight.close()
    findings.check()
    return findings


def main(argv: Sequence[str]) -> int:
    """Read the configuration from the file and write the findings over it."""
    fd = int(argv[0])
    os.set_inheritable(fd, False)
    found = _try_out(read_config(os.dup(fd)))
    os.ftruncate(fd, 0)
    os.pwrite(fd, msgspec.json.encode(found), 0)
    sys.stdout.flush()
    os._exit(0)  # threads that imported code has started do not keep us


def _try_out(config: ChildConfig) -> Findings:
    catalog = read_catalog(config)
    served = {name: job for name, job in catalog.jobs.items() if config.queues is None or job.queue in config.queues}
    broker = WorkerBroker(connect(_NOWHERE), catalog.namespace)
    dramatiq.set_broker(broker)  # before modules with actors are imported
    problems = (*equip(broker, catalog), *check_imports(msgspec.structs.replace(catalog, jobs=served)))
    if problems:
        return Findings(problems)
    try:
        runtime = prepare(catalog, broker, environment(), {}, _no_enqueue, config.queues)
    except UsageError as error:
        return Findings((), error.message, error.hint)
    actors = {task.type.name: actor for task in runtime.tasks.values() if (actor := task.run.actor) is not None}
    forks = tuple(f"{fork.__module__}:{fork.__name__}" for middleware in broker.middleware for fork in middleware.forks)
    return Findings((), warnings=unprovided(broker, catalog, actors), forks=forks)


def _no_enqueue(*_args: Any, **_options: Any) -> None:
    """Nothing runs here, so nothing is enqueued."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
