"""`jobctl dead retry`."""

from __future__ import annotations

from jobctl.cli.commands.dead._bulk import All, DryRun, Max, Yes, act, prepare, select
from jobctl.cli.commands.dead._shared import GroupOption, Terms
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def retry(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Run dead letters again, under their ids and with fresh retries."""
    from jobctl.ops import dead_bulk

    store, scope = select(ctx, terms, group, everything)
    prepare(ctx, store, scope, dry_run, "retry dead letters")
    scope, plan = dead_bulk.plan(store, scope)
    return act(ctx, store, scope, plan, ("retry", "retried"), dead_bulk.retry, dry_run, yes, maximum)
