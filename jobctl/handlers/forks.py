"""Keeps what a job forks from coming back in place of the job: to a worker's thread, or into its event loop."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

_forks = 0
"""How many forks are between the process that imported this and the present one."""


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class ends_in_forks:  # noqa: N801 - reads as what it does: `with ends_in_forks():`
    """A process that was forked inside the block ends where it would leave it, as a program would at its end: with the
    status of its SystemExit, with a traceback and 1 for another exception, else with 0.

    Every job passes here: comparing two numbers costs it nothing, asking for its process id twice would.
    """

    __slots__ = ("_forks",)

    def __enter__(self) -> None:
        self._forks = _forks

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._forks == _forks:
            return
        status = _status(error)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)


def _status(error: BaseException | None) -> int:
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    with contextlib.suppress(Exception):
        traceback.print_exception(error)
    return 1
