"""`jobctl dead ls`."""

from __future__ import annotations

from jobctl.cli import listing
from jobctl.cli.bulk.options import Groups, Terms
from jobctl.cli.bulk.run import explain as show_explained
from jobctl.cli.commands.dead._shared import LETTERS, count_letters, open_selection, take_in
from jobctl.cli.context import Context
from jobctl.cli.explain import Explain
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit


@command
def ls(
    ctx: Context,
    terms: Terms = None,
    groups: Groups = None,
    by: listing.By = None,
    limit: listing.Limit = None,
    explain: Explain = False,
    unredacted: Unredacted = False,
) -> int:
    """List dead letters, the latest first.

    Without --limit, machine formats list every match as it is found, queue by queue.

    Example: jobctl dead ls job:send-email since:2h
    """
    from jobctl.ops import dead
    from jobctl.ops.sources import Looked

    listing.check_by(by)
    (store, selection), looked = open_selection(ctx, terms, groups, unredacted=unredacted), Looked()
    listing.refuse_untouched(ctx, store)
    if explain:
        return show_explained(ctx, store, selection)
    stock = take_in(ctx, store, selection)
    if unredacted:
        audit(ctx, store, "dead ls", [*(terms or ()), *(groups or ())])
    empty = "no dead letters" if selection.everything else "no dead letter matched"
    if by is not None:
        return count_letters(ctx, store, selection, by, limit, stock=stock, unredacted=unredacted, empty=empty)
    return listing.write(
        ctx,
        lambda count: dead.ls(store, selection, count, stock=stock, looked=looked, unredacted=unredacted),
        LETTERS,
        limit,
        wanted=selection.filter,
        looked=looked,
        empty=empty,
    )
