"""What `jobctl dead` commands share: their filter, and what stock workers left dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from jobctl.cli import listing
from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.pacing import Pacing
from jobctl.cli.bulk.run import change_selection, choose
from jobctl.cli.context import Context, Output
from jobctl.cli.view.cell import message
from jobctl.cli.view.table import NAME, Column
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.ops.bulk.selection import Selection
    from jobctl.ops.bulk.verb import Verb
    from jobctl.ops.groups import GroupRow
    from jobctl.store import Store
    from jobctl.store.data.records import DeadGroup

LETTERS = (
    Column("ID", "id"),
    Column("DIED", "died_at", importance=7),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("ERROR", "error", importance=9, least=NAME),
    Column("MESSAGE", message, importance=6, least=14, falls=True),
    Column("RUNS", "attempt_count", right=True, importance=3),
    Column("GROUP", "group", importance=5),
    Column("QUEUE", "queue", importance=4, least=NAME),
)


def open_selection(
    ctx: Context,
    terms: list[str] | None = None,
    groups: list[str] | None = None,
    queue: str | None = None,
    *,
    unredacted: bool = False,
) -> tuple[Store, Selection]:
    """The store, and what a command that looks at dead letters selects in it. Raises UsageError or NothingMatched."""
    from jobctl.ops.bulk.selection import read

    store = ctx.store()
    words = [*(terms or ()), *(f"group:{group}" for group in groups or ())]
    selection = read(store, ctx.catalog_for_a_look(), words, queue=queue, unredacted=unredacted)
    selection.filter.refuse(["state"], "state: cannot be used here: all dead letters are dead")
    return store, replace(selection, states=("dead",))


def change_letters(ctx: Context, verb: Verb, selected: Selected, answers: Answers, pacing: Pacing | None = None) -> int:
    """Change dead letters; before that, all that stock workers left is taken in. A dry run takes in as a look does."""
    if not answers.only_look:
        ctx.require_writable(f"{verb.does} dead letters")
    if pacing is not None and pacing.pace() is not None and answers.plan is not None:
        raise UsageError("--plan only writes a file: leave out --background, --rate, --canary and --abort-if-failing")
    ctx.because(answers.reason)
    store = ctx.store()
    selection = choose(ctx, store, verb, selected)
    if take_in(ctx, store, selection, everything=not answers.only_look):
        ctx.say("they are not counted here; a change takes them in before")
    return change_selection(ctx, store, verb, selection, answers, pacing)


def take_in(ctx: Context, store: Store, selection: Selection, *, everything: bool = False) -> bool:
    """Take in what stock workers left dead. Returns whether some lie in the inbox still, for a list to read there."""
    from jobctl.ops import stock

    limit = None if everything else stock.TAKEN_FOR_A_LOOK
    inbox = stock.take_in(store, selection.queues, write=not (ctx.settings.read_only or ctx.is_broken), limit=limit)
    if inbox.left:
        ctx.say(f"{inbox.left:,} dead letters are still in stock Dramatiq's .XQ")
    return inbox.left > 0


def count_letters(
    ctx: Context,
    store: Store,
    selection: Selection,
    by: str,
    limit: int | None,
    *,
    stock: bool,
    unredacted: bool,
    empty: str,
) -> int:
    """Answer `--by`: counts of dead letters instead of a list."""
    from jobctl.ops import dead
    from jobctl.ops.sources import Looked

    looked = Looked()
    return listing.write_counts(
        ctx,
        lambda: dead.count(store, selection, by, stock=stock, looked=looked, unredacted=unredacted),
        limit,
        wanted=selection.filter,
        looked=looked,
        empty=empty,
    )


def show_noted(ctx: Context, name: str, queue: str | None, change: Callable[[Store, DeadGroup], GroupRow]) -> int:
    """Change what is noted about a group, and show it."""
    from jobctl.cli.commands.dead._groups import columns, noted
    from jobctl.ops import groups

    store, selection = open_selection(ctx, queue=queue)
    row = change(store, groups.find(store, name, selection.queues))
    if ctx.output is not Output.TABLE:
        ctx.emit(row, columns(ctx))
    ctx.say(f"group {row.group} of queue {row.queue}: {noted(row) or 'nothing is noted'}")
    return 0
