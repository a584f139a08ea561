"""`jobctl limit reset`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.limit._shared import Name, columns_for
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def reset(
    ctx: Context,
    name: Name,
    key: Annotated[
        str | None, typer.Option("--key", help="Reset only the usage of this key.", show_default=False)
    ] = None,
    reason: Reason = "",
) -> None:
    """Restore a limit to the catalog's value, and reset its usage.

    Running jobs still count against a concurrency limit.

    Example: jobctl limit reset deliver-webhook
    """
    from jobctl.ops import limits

    ctx.require_writable("reset limits")
    ctx.because(reason)
    rows, changed = limits.reset(ctx.store(), ctx.catalog_if_any(), name, key)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, columns_for(ctx))
    what = f"key {key} of {name}" if key is not None else name
    if changed:
        ctx.say(f"reset {what}; it allows {' and '.join(map(limits.allows, rows))}")
    else:
        ctx.say(f"nothing to reset: {what} was not set by hand, and nothing is used")
