"""`jobctl job release`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobctl.cli.commands.job._change import DryRun, Max, Targets, Yes, by_id, change_jobs
from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found


@command
def release(
    ctx: Context,
    targets: Targets,
    queue: InQueue = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    max: Max = None,  # noqa: A002 - the option's name
) -> int:
    """Free the unique keys that jobs hold.

    Another job with the key can be enqueued then; nothing else about these changes. Exit 4 if a job holds none.

    Example: jobctl job release 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import change
    from jobctl.store.data.states import STATES

    every = by_id(targets)

    def apply(jobs: Sequence[Found]) -> list[Tried]:
        return change.release(ctx.store(retries=2), jobs, all_of_them=every)

    return change_jobs(ctx, "free the unique keys of", targets, STATES, apply, (yes, dry_run, max), queue)
