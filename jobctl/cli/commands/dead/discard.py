"""`jobctl dead discard`."""

from __future__ import annotations

from jobctl.cli.commands.dead._bulk import All, DryRun, Max, Yes, act, prepare, select
from jobctl.cli.commands.dead._shared import GroupOption, Terms
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def discard(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Move dead letters to the trash, where they stay for 7 days."""
    from jobctl.ops import dead_bulk

    store, scope = select(ctx, terms, group, everything)
    prepare(ctx, store, scope, dry_run, "discard dead letters")
    scope, plan = dead_bulk.plan(store, scope)
    hint = "`jobctl dead restore`, with the same filter, brings them back within 7 days"
    return act(ctx, store, scope, plan, ("discard", "discarded"), dead_bulk.discard, dry_run, yes, maximum, hint)
