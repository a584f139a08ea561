"""`jobctl queue empty`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers
from jobctl.cli.bulk.run import carry_out
from jobctl.cli.commands.queue._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def empty(ctx: Context, name: Name, answers: Answers) -> int:
    """Move all jobs of a queue that are not running to the trash for 7 days.

    Example: jobctl queue empty email --dry-run
    """
    from jobctl.ops.bulk import emptying

    if not answers.dry_run:
        ctx.require_writable("empty queues")
    store = ctx.store()
    return carry_out(ctx, store, emptying.empty(name), emptying.plan(store, ctx.catalog_if_any(), name), answers)
