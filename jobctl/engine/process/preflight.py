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
from jobctl.engine.dramatiq.broker import worker_broker
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
    """What is wrong: problems with a place in the catalog, or else one error without.

    The first field is required: that tells an answer from the question, which lies in the same file.
    """

    problems: tuple[Problem, ...]
    message: str = ""
    hint: str = ""


def check(config: ChildConfig) -> None:
    """Import and compile every job type that `config` serves; connects to nothing.

    Raises CatalogError or UsageError with what would keep a worker process from starting.
    """
    found = _findings(config)
    if found.problems:
        raise CatalogError(found.problems)
    if found.message:
        raise UsageError(found.message, found.hint)


def _findings(config: ChildConfig) -> Findings:
    fd = shared_file(0)
    try:
        os.write(fd, config.encode())
        argv = [sys.executable, "-m", "jobctl.engine.process.preflight", str(fd)]
        # what modules print when they are imported is not this command's data
        done = subprocess.run(argv, pass_fds=(fd,), stdin=subprocess.DEVNULL, stdout=2, check=False)
        answer = os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(answer, type=Findings)
    return Findings((), f"importing what the catalog names ended the process, with exit code {done.returncode}")


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
    broker = worker_broker(connect(_NOWHERE), catalog.namespace)
    dramatiq.set_broker(broker)  # before modules with actors are imported
    try:
        problems = check_imports(msgspec.structs.replace(catalog, jobs=served))
        if not problems:
            prepare(catalog, broker, environment(), {}, _no_enqueue, config.queues)
    except UsageError as error:
        return Findings(getattr(error, "problems", ()), error.message, error.hint)
    return Findings(problems)


def _no_enqueue(*_args: Any, **_options: Any) -> None:
    """Nothing runs here, so nothing is enqueued."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
