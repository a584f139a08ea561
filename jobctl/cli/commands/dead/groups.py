"""`jobctl dead groups`."""

from __future__ import annotations

from jobctl.cli import listing
from jobctl.cli.bulk.options import Groups, Terms
from jobctl.cli.bulk.run import explain as show_explained
from jobctl.cli.commands.dead._shared import count_letters, open_selection, take_in
from jobctl.cli.context import Context
from jobctl.cli.explain import Explain
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit
from jobctl.cli.view.cell import message
from jobctl.cli.view.table import NAME, Column
from jobctl.cli.view.tell import tell

GROUPS = (
    Column("GROUP", "group"),
    Column("COUNT", "count", right=True, importance=9),
    Column("TYPE", "type", importance=7, least=NAME),
    Column("ERROR", "error", importance=8, least=NAME),
    Column("MESSAGE", message, importance=6, least=14, falls=True),
    Column("FIRST", "first_died_at", importance=3),
    Column("LAST", "last_died_at", importance=5),
    Column("QUEUE", "queue", importance=4, least=NAME),
)


@command
def groups(
    ctx: Context,
    terms: Terms = None,
    group: Groups = None,
    by: listing.By = None,
    explain: Explain = False,
    unredacted: Unredacted = False,
) -> int:
    """Show why jobs died: dead letters grouped by their error.

    Example: jobctl dead groups queue:email
    """
    from jobctl.ops import dead

    listing.check_by(by)
    store, selection = open_selection(ctx, terms, group, unredacted=unredacted)
    if explain:
        return show_explained(ctx, store, selection, by_index=True)
    stock = take_in(ctx, store, selection)
    if unredacted:
        audit(ctx, store, "dead groups", [*(terms or ()), *(group or ())])
    empty = "no dead letters" if selection.everything else "no dead letter matched"
    if by is not None:
        return count_letters(ctx, store, selection, by, None, stock=stock, unredacted=unredacted, empty=empty)
    rows = dead.groups(store, selection, stock=stock)
    ctx.emit(rows, GROUPS, empty=empty)
    return tell(ctx, selection.filter.refusals())
