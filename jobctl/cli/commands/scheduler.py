"""`jobctl scheduler`."""

from __future__ import annotations

import signal

from jobctl.cli.commands.worker.run import Format, Http, LogFormat, level
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.engine.tools.loop import Early


@command
def scheduler(ctx: Context, http: Http = None, log_format: Format = LogFormat.AUTO) -> int:
    """Enqueue the jobs of the catalog's schedules as they fall due.

    Any number of schedulers may run: each tick becomes exactly one job. SIGHUP reloads the catalog.

    Example: jobctl scheduler
    """
    Early(signal.SIGHUP)
    from jobctl.ops.serve import run_scheduler

    ctx.require_writable("enqueue jobs")
    return run_scheduler(ctx.settings, http=http, log_format=log_format, log_level=level(ctx))
