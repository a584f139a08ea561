"""A process for one function of the application's middleware.

Run as `python -m jobctl.engine.process.fork MODULE:FUNCTION CATALOG LOG_FORMAT LOG_LEVEL LIFELINE_FD PARENT_PID`. Ends
with what the function returns, at a SIGTERM, or when its supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from jobctl.catalog.imports import resolve
from jobctl.engine import logs
from jobctl.engine.process.entry import die_with
from jobctl.text import sanitize

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run the function and return the exit code."""
    target, catalog, log_format, log_level, lifeline, parent = argv
    os.set_inheritable(int(lifeline), False)
    _handle_signals()
    die_with(int(parent), int(lifeline))
    logs.setup(log_format, log_level)
    sys.path.insert(0, str(Path(catalog).resolve().parent))
    function, problem = resolve(target)
    if problem is not None:
        log.error("%s", sanitize(problem[0]))
        return 1
    try:
        return int(function() or 0)
    except Exception:
        log.exception("%s failed", target)
        return 1
    finally:
        logs.flush()


def _handle_signals() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    def ignore(_number: int, _frame: FrameType | None) -> None:
        """The supervisor decides."""

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, ignore)
    signal.signal(signal.SIGHUP, ignore)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
