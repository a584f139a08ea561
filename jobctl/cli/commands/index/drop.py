"""`jobctl index drop`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.index._shared import COLUMNS, JobTypeName
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def drop(
    ctx: Context,
    name: JobTypeName,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Only the index on this key.", show_default=False)
    ] = None,
    reason: Reason = "",
) -> None:
    """Delete the indexes of a job type, to free their memory; jobs are not touched.

    Remove `index` from the catalog first: a producer that has it begins the index anew.

    Example: jobctl index drop charge-payment --key order_id
    """
    from jobctl.ops import indexes

    ctx.require_writable("drop indexes")
    ctx.because(reason)
    rows = indexes.drop(ctx.store(), ctx.catalog_if_sound(), name, key)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, COLUMNS)
    for row in rows:
        ctx.say(f"dropped the index of {row.type} on {row.key}: {row.entries:,} entries")
