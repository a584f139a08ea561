"""`jobctl op undo`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, DryRun, Maximum, Yes
from jobctl.cli.bulk.run import carry_out
from jobctl.cli.commands.op._shared import Operation, find
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.errors import INTERRUPTED


@command
def undo(
    ctx: Context,
    operation: Operation,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Maximum = None,
    reason: Reason = "",
) -> int:
    """Take back a discard, an emptied queue, a cancel of waiting jobs, or a retry of jobs that have not run since.

    For seven days, up to 1,000,000 jobs. Jobs to which something else has happened meanwhile are left alone.

    Example: jobctl op undo 7k2m9q --dry-run
    """
    from jobctl.ops.bulk import undo as ops

    if not dry_run:
        ctx.require_writable("undo operations")
    ctx.because(reason)
    store = ctx.store(retries=2)
    row = find(store, operation)
    verb, planned = ops.plan(store, row)
    if (moved := row.changed - planned.matched) > 0:
        ctx.say(f"{moved:,} of {row.changed:,} stay as they are: they have run, or were changed since")
    code = carry_out(ctx, store, verb, planned, Answers(dry_run=dry_run, yes=yes, maximum=maximum, reason=reason))
    if planned.matched and not dry_run and code != INTERRUPTED:
        store.operations.undone(operation)
    return code
