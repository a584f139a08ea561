"""`jobctl job ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import COLUMNS
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit


@command
def ls(
    ctx: Context,
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]…", help="state:dead job:send-* error~timeout since:2h", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Show at most N jobs.")] = 50,
    unredacted: Unredacted = False,
) -> None:
    """List jobs, the newest first.

    Filters: queue: job: state: error~ args.KEY= label: since: until: id:

    Example: jobctl job ls state:dead since:2h args.customer=42
    """
    from jobctl.ops import filters as grammar
    from jobctl.ops.jobs import SCAN_BUDGET, list_jobs

    store, wanted = ctx.store(retries=2), grammar.parse(filters or ())
    if unredacted:
        audit(ctx, store, "job ls", filters or ())
    listing = list_jobs(store, wanted, limit, unredacted=unredacted)
    ctx.emit(list(listing.jobs), COLUMNS, empty="no jobs match" if filters else "no jobs")
    if not listing.exhausted:
        ctx.say(f"stopped after looking at about {SCAN_BUDGET:,} jobs: there may be more; narrow the filter")
    elif len(listing.jobs) == limit:
        ctx.say(f"the newest {limit:,}; --limit shows more")
