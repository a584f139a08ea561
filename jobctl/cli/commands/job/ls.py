"""`jobctl job ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import COLUMNS
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit

SHOWN = 50
"""Rows of a table, if nobody says how many."""


@command
def ls(
    ctx: Context,
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]…", help="state:dead job:send-* error~timeout since:2h", show_default=False),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Show at most N (default: 50 in a table, else all).", show_default=False),
    ] = None,
    unredacted: Unredacted = False,
) -> None:
    """List jobs, the newest first.

    Filters: queue: job: state: error~ args.KEY= label: since: until: id:

    Every job that matches is found, however many do not. Without --limit, machine formats list all; -o jsonl writes
    each as it is found, queue by queue.

    Example: jobctl job ls state:dead since:2h args.customer=42
    """
    from jobctl.cli.view.output import stream
    from jobctl.ops import filters as grammar
    from jobctl.ops.jobs import Looked, each, list_jobs

    store, wanted, looked = ctx.store(retries=2), grammar.parse(filters or ()), Looked()
    if unredacted:
        audit(ctx, store, "job ls", filters or ())
    if limit is None and ctx.output is Output.TABLE:
        limit = SHOWN
    try:
        if limit is None and ctx.output is Output.JSONL:
            stream(ctx, each(store, wanted, looked=looked, unredacted=unredacted), COLUMNS)
            return
        listing = list_jobs(store, wanted, limit, looked=looked, unredacted=unredacted)
    except KeyboardInterrupt:
        ctx.say(f"stopped at the {looked.place}, after {looked.jobs:,} jobs in all: the list is not complete")
        raise
    ctx.emit(list(listing.jobs), COLUMNS, empty="no jobs match" if filters else "no jobs")
    if listing.more:
        ctx.say(f"the newest {limit:,} of more; --limit shows more, -o jsonl all")
