"""`jobctl dead ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import Groups, Terms
from jobctl.cli.commands.dead._shared import LETTERS, open_selection, take_in
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit


@command
def ls(
    ctx: Context,
    terms: Terms = None,
    groups: Groups = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Show at most N.", min=1)] = 50,
    unredacted: Unredacted = False,
) -> None:
    """List dead letters, the latest first."""
    from jobctl.ops import dead

    store, selection = open_selection(ctx, terms, groups)
    take_in(ctx, store, selection)
    if unredacted:
        audit(ctx, store, "dead ls", [*(terms or ()), *(groups or ())])
    rows = dead.ls(store, selection, limit + 1, stock=ctx.settings.read_only, unredacted=unredacted)
    ctx.emit(rows[:limit], LETTERS, empty="no dead letters" if selection.everything else "no dead letter matched")
    if len(rows) > limit and ctx.output is Output.TABLE:
        ctx.say(f"the latest {limit} only; see `jobctl dead groups`, or more with --limit")
