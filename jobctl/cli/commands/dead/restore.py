"""`jobctl dead restore`."""

from __future__ import annotations

from jobctl.cli.commands.dead._bulk import All, DryRun, Max, Yes, act, select
from jobctl.cli.commands.dead._shared import GroupOption, Terms
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def restore(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Bring back what was discarded, and the jobs of emptied queues.

    Dead letters are dead again, jobs of an emptied queue wait again, delayed ones for their time. since: and
    until: are about when they were discarded or emptied.
    """
    from jobctl.ops import dead_bulk

    store, scope = select(ctx, terms, group, everything)
    if not dry_run:
        ctx.require_writable("restore jobs")
    plan = dead_bulk.plan_restore(store, scope)
    verbs = ("restore", "restored")
    return act(ctx, store, scope, plan, verbs, dead_bulk.restore, dry_run, yes, maximum, noun="job")
