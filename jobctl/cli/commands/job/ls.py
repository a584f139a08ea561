"""`jobctl job ls`."""

from __future__ import annotations

from jobctl.cli import listing
from jobctl.cli.bulk.options import Filters
from jobctl.cli.commands.job._shared import COLUMNS
from jobctl.cli.context import Context
from jobctl.cli.explain import Explain, show
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit


@command
def ls(
    ctx: Context,
    filters: Filters = None,
    by: listing.By = None,
    limit: listing.Limit = None,
    explain: Explain = False,
    unredacted: Unredacted = False,
) -> int:
    """List jobs, the newest first.

    All jobs are searched. Without --limit, machine formats list every match as it is found, queue by queue and state
    by state.

    Example: jobctl job ls state:dead since:2h args.customer=42
    """
    from jobctl.ops import jobs
    from jobctl.ops.filters.filter import parse
    from jobctl.ops.sources import Looked
    from jobctl.ops.sources import explain as explained
    from jobctl.store.data.states import STATES

    listing.check_by(by)
    wanted, looked = parse(filters or ()), Looked()
    store = ctx.store(retries=2)
    listing.refuse_untouched(ctx, store)
    if explain:
        return show(ctx, explained(store, wanted, jobs.queues(store, wanted), STATES, unredacted=unredacted))
    if unredacted:
        audit(ctx, store, "job ls", filters or ())
    empty = "no jobs match" if filters else "no jobs"
    if by is not None:
        return listing.write_counts(
            ctx,
            lambda: jobs.count(store, wanted, by, looked=looked, unredacted=unredacted),
            limit,
            wanted=wanted,
            looked=looked,
            empty=empty,
        )
    return listing.write(
        ctx,
        lambda count: jobs.list_jobs(store, wanted, count, looked=looked, unredacted=unredacted),
        COLUMNS,
        limit,
        wanted=wanted,
        looked=looked,
        empty=empty,
    )
