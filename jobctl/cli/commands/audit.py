"""`jobctl audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import Filters
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import NAME, Column

COLUMNS = (
    Column("AT", "at", width=9),
    Column("WHO", "who", importance=8, least=NAME, width=20),
    Column("ACTION", "action", importance=9, width=13),
    Column("CHANGED", "changed", right=True, importance=7, width=7),
    Column("OUTCOME", "outcome", importance=4, width=7),
    Column("TARGET", "target", importance=6, least=NAME, width=24),
    Column("DETAIL", "detail", importance=2, least=14),
    Column("REASON", "reason", importance=5, least=14),
)


@command
def audit(
    ctx: Context,
    filters: Filters = None,
    who: Annotated[str, typer.Option("--who", metavar="NAME", help="Only changes by user@host; * is any text.")] = "*",
    action: Annotated[
        str, typer.Option("--action", metavar="NAME", help="Only this action, such as 'dead *'; * is any text.")
    ] = "*",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Follow until Ctrl-C.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", min=1, max=10_000, help="Show the last N changes.")] = 20,
) -> int:
    """Show who changed what by hand, when, how and why.

    Filters: since: until: queue: id: - the latter two of changes that name their jobs, which those of up to 50 jobs do.
    Machine formats have the exact command, too. The last 10,000 changes are kept; anyone who can write to Redis can
    change them.

    Example: jobctl audit since:1d --action 'dead *'
    """
    from jobctl.ops import audit as ops
    from jobctl.ops.filters.filter import parse
    from jobctl.ops.filters.keys import KEYS

    wanted = parse(filters or ())
    wanted.refuse(KEYS.keys() - set(ops.KEYS), "changes can be filtered by since: until: queue: id:")
    watch = ops.Watch(wanted, who, action)
    store = ctx.store(retries=2)
    past, position = ops.recent(store, watch, count)
    if follow:
        from jobctl.cli.view.output import stream

        stream(ctx, past, COLUMNS)
        stream(ctx, ops.follow(store, watch, position), COLUMNS)
    ctx.emit(past, COLUMNS if ctx.output is Output.TABLE else (Column("ACTION", "action"),), empty="no changes match")
    return 0
