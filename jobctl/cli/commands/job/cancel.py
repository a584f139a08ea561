"""`jobctl job cancel`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, change_jobs
from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found


@command
def cancel(
    ctx: Context,
    targets: Targets,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long to wait for running ones; 0s: do not.")
    ] = "10s",
    queue: InQueue = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    max: Max = None,  # noqa: A002 - the option's name
) -> int:
    """Cancel jobs.

    A running job is asked to stop and waited for: a Python function gets an exception, a coroutine is cancelled, a
    command gets SIGTERM, a request is closed. One that still runs after --timeout is exit 6.

    Example: jobctl job cancel queue:email job:newsletter --dry-run
    """
    from jobctl.ops import change
    from jobctl.ops.when import parse_delay
    from jobctl.store.data.states import allowing

    timeout_s = parse_delay(timeout, "--timeout") / 1000

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.cancel(ctx.store(retries=2), jobs, timeout_s=timeout_s)

    return change_jobs(ctx, "cancel", targets, allowing("cancel"), apply, (yes, dry_run, max), queue)
