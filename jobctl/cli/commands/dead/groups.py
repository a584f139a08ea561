"""`jobctl dead groups`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli import listing
from jobctl.cli.bulk.options import Groups, Terms
from jobctl.cli.bulk.run import explain as show_explained
from jobctl.cli.commands.dead._shared import count_letters, open_selection, take_in
from jobctl.cli.context import Context, Output
from jobctl.cli.explain import Explain
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit
from jobctl.cli.view.tell import tell
from jobctl.errors import UsageError

VERBS = ("ls", "show", "note", "mute", "retry", "discard", "restore", "edit", "export", "import")
"""Commands of `dead`: typed after `dead groups` by who takes that for a noun."""


@command
def groups(
    ctx: Context,
    terms: Terms = None,
    group: Groups = None,
    by: listing.By = None,
    muted: Annotated[bool, typer.Option("--muted", help="Show muted groups, too.")] = False,
    explain: Explain = False,
    unredacted: Unredacted = False,
) -> int:
    """Show why jobs died: dead letters grouped by their error.

    TREND compares the last 6 hours with the 6 before; LAST 24H has a bar for every 2 hours. `dead note` and `dead mute`
    say what is known of a group.

    Example: jobctl dead groups queue:email
    """
    from jobctl.cli.commands.dead._groups import columns
    from jobctl.ops import dead
    from jobctl.ops.groups import explained

    listing.check_by(by)
    store, selection = open_selection(ctx, terms, group, unredacted=unredacted)
    if named := [word for word in selection.ids if word in VERBS]:
        raise UsageError(
            f"{named[0]!r} is not a filter, and no id",
            f"did you mean `jobctl dead {named[0]}`? see `jobctl dead --help`",
        )
    listing.refuse_untouched(ctx, store)
    if explain:
        return show_explained(ctx, store, selection, by_index=True)
    stock = take_in(ctx, store, selection)
    if unredacted:
        audit(ctx, store, "dead groups", [*(terms or ()), *(group or ())])
    empty = "no dead letters" if selection.everything else "no dead letter matched"
    if by is not None:
        return count_letters(ctx, store, selection, by, None, stock=stock, unredacted=unredacted, empty=empty)
    rows = dead.groups(store, selection, stock=stock)
    told = explained(store, rows, tops=True)
    shown = told if muted or ctx.output is not Output.TABLE else [row for row in told if not row.is_muted]
    ctx.emit(shown, columns(ctx), empty="all groups are muted" if told else empty)
    if left := len(told) - len(shown):
        ctx.say(f"{left} muted group{'s are' if left > 1 else ' is'} left out: --muted shows all")
    return tell(ctx, selection.filter.refusals())
