"""`jobctl job ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli import listing
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
    limit: listing.Limit = None,
    unredacted: Unredacted = False,
) -> int:
    """List jobs, the newest first.

    Filters: queue: job: state: error~ args.KEY= label: since: until: id:

    All jobs are searched. Without --limit, machine formats list every match as it is found, queue by queue and state
    by state.

    Example: jobctl job ls state:dead since:2h args.customer=42
    """
    from jobctl.ops import filters as grammar
    from jobctl.ops.jobs import Looked, list_jobs

    store, wanted, looked = ctx.store(retries=2), grammar.parse(filters or ()), Looked()
    if unredacted:
        audit(ctx, store, "job ls", filters or ())
    return listing.write(
        ctx,
        lambda count: list_jobs(store, wanted, count, looked=looked, unredacted=unredacted),
        COLUMNS,
        limit,
        wanted=wanted,
        looked=looked,
        empty="no jobs match" if filters else "no jobs",
    )
