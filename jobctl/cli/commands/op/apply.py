"""`jobctl op apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.bulk.options import Answers, DryRun, Maximum, Yes
from jobctl.cli.bulk.run import carry_out
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def apply(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that --plan wrote.", dir_okay=False)],
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Maximum = None,
    reason: Reason = "",
) -> int:
    """Change exactly the jobs of a plan, and no others.

    Jobs that have moved since they were planned are left alone, and counted by where they are now.

    Example: jobctl op apply retry.plan
    """
    from jobctl.ops.bulk import frozen, registry

    plan = frozen.read(file)
    verb = registry.again(plan.head.action, plan.head.options)
    if not dry_run:
        ctx.require_writable(f"{verb.does} {verb.noun}s")
    ctx.because(reason)
    store = ctx.store(retries=2)
    now = frozen.still(store, plan, verb)
    if now.moved:
        where = ", ".join(f"{count:,} {state}" for state, count in now.moved.items())
        ctx.say(f"{sum(now.moved.values()):,} of {len(plan.jobs):,} have moved since the plan was made: {where}")
    return carry_out(ctx, store, verb, now.planned, Answers(dry_run=dry_run, yes=yes, maximum=maximum, reason=reason))
