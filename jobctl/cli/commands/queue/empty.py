"""`jobctl queue empty`."""

from __future__ import annotations

from jobctl.cli.bulk.freezer import Freezer
from jobctl.cli.bulk.options import Answers, Filters
from jobctl.cli.bulk.run import carry_out, explain
from jobctl.cli.commands.queue._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def empty(ctx: Context, name: Name, answers: Answers, filters: Filters = None) -> int:
    """Move all jobs of a queue that are not running to the trash for 7 days.

    With a filter, only those that match: docs/filters.md has the grammar.

    Example: jobctl queue empty email --dry-run
    """
    from jobctl.ops.bulk import emptying

    if not answers.only_look:
        ctx.require_writable("empty queues")
    ctx.because(answers.reason)
    store = ctx.store()
    chosen = emptying.choose(store, ctx.catalog_if_any(), name, filters or ())
    if answers.explain:
        return explain(ctx, store, chosen, by_index=True)
    frozen = Freezer(answers.plan)
    planned = emptying.plan(store, chosen, freeze=frozen.take)
    return carry_out(ctx, store, emptying.empty(name), planned, answers, frozen)
