"""A worker process's entry: `python -m jobctl.engine.process.entry CONFIG_FD SLOTS_FD LIFELINE_FD PARENT_PID`.

Only descriptors' numbers stand in argv; the configuration, which may hold a password, is read from an
inherited file. The process dies with its supervisor, however that dies.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from jobctl import prctl
from jobctl.engine.process.config import CLEAN, ORPHANED, STOPPED_NOW, ChildConfig
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.tools.stop import StopFlag
from jobctl.errors import JobctlError
from jobctl.text import sanitize

log = logging.getLogger(__name__)

RETIRE = signal.SIGUSR1
"""Stop fetching, finish what runs without hurry, requeue the rest, exit (recycling, reload)."""

EXIT_S = 10.0
"""How long exit handlers may take in all: what they have to send is sent by then, or never."""

Run = Callable[[ChildConfig, SlotTable, StopFlag], int | None]
"""Works until done or stopped; returns the exit code, None for CLEAN."""


def main(argv: Sequence[str], run: Run | None = None) -> int:
    """Run one worker process to its end and return its exit code. `run` is replaced in tests."""
    config_fd, slots_fd, lifeline_fd, parent = (int(text) for text in argv)
    for fd in (config_fd, slots_fd, lifeline_fd):
        os.set_inheritable(fd, False)  # jobs' own processes must not get them
    stop = StopFlag()
    _handle_signals(stop)
    die_with(parent, lifeline_fd)
    config = read_config(config_fd)
    slots = SlotTable(slots_fd, config.slots)
    os.close(slots_fd)
    code = _run(config, slots, stop, run)
    _end_soon(code)
    return code


def _run(config: ChildConfig, slots: SlotTable, stop: StopFlag, run: Run | None) -> int:
    from jobctl.engine import logs

    logs.setup(config.log_format, config.log_level)
    try:
        code = (run or _load_run())(config, slots, stop)
    except JobctlError as error:
        for line in map(str, getattr(error, "problems", None) or [error]):
            log.error("worker process %s cannot start: %s", config.name, sanitize(line))
        return 1
    except Exception:
        log.exception("worker process %s failed", config.name)
        return 1
    finally:
        logs.flush()
    return CLEAN if code is None else code


def _end_soon(code: int) -> None:
    """End in a while, whatever still keeps the interpreter: exit handlers, and threads, of jobs and libraries."""
    ender = threading.Timer(EXIT_S, os._exit, (code,))
    ender.daemon = True
    ender.start()


def _load_run() -> Run:
    from jobctl.engine.process.process import run_child

    return run_child


def read_config(fd: int) -> ChildConfig:
    """The configuration in the file `fd`, which is closed. Raises OSError or msgspec.ValidationError."""
    with os.fdopen(fd, "rb") as file:
        file.seek(0)  # the offset is shared with the supervisor, which has just written
        return ChildConfig.decode(file.read())


def die_with(parent: int, lifeline: int) -> None:
    """Make this process die when the process `parent` is gone; at once if it already is.

    Linux kills us (PR_SET_PDEATHSIG), also while a C call holds the interpreter; elsewhere, and should that
    not be allowed, a thread watches `lifeline`, a pipe whose other end only the supervisor holds.
    """
    if not prctl.die_with_parent(parent):
        os._exit(ORPHANED)
    threading.Thread(target=_watch_lifeline, args=(lifeline,), name="lifeline", daemon=True).start()


def _watch_lifeline(lifeline: int) -> None:
    while True:
        try:
            if not os.read(lifeline, 1):
                os._exit(ORPHANED)
        except InterruptedError:
            continue
        except OSError:
            os._exit(ORPHANED)


def _handle_signals(stop: StopFlag) -> None:
    def drain(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set() and not stop.patient:
            os._exit(STOPPED_NOW)
        stop.set()

    def retire(_number: int, _frame: FrameType | None) -> None:
        stop.set(patient=True)

    def ignore(_number: int, _frame: FrameType | None) -> None:
        """Not SIG_IGN: that would be inherited by the processes of command jobs."""

    for number, handler in (
        (signal.SIGTERM, drain),
        (RETIRE, retire),
        (signal.SIGINT, ignore),
        (signal.SIGHUP, ignore),
    ):
        signal.signal(number, handler)
    os.register_at_fork(after_in_child=_plain_signals)


def _plain_signals() -> None:
    """What a job forks is no worker, and ends at a SIGTERM."""
    for number in (signal.SIGTERM, RETIRE, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
