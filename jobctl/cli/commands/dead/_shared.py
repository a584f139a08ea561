"""What `jobctl dead` commands share: their filter, and what stock workers left dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.view.cell import message
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.bulk import Scope
    from jobctl.store import Store

Terms = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILTER]…",
        help="queue: job: error~ group: args.KEY= label: since: until: id:",
        show_default=False,
    ),
]
GroupOption = Annotated[
    list[str] | None, typer.Option("--group", metavar="GROUP", help="A group's id.", show_default=False)
]
LETTERS = (
    Column("ID", "id"),
    Column("DIED", "died_at", importance=7),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("ERROR", "error", importance=9, least=NAME),
    Column("MESSAGE", message, importance=6, least=14),
    Column("RUNS", "attempt_count", right=True, importance=3),
    Column("GROUP", "group", importance=5),
    Column("QUEUE", "queue", importance=4, least=NAME),
)


def open_scope(ctx: Context, terms: list[str] | None, groups: list[str] | None) -> tuple[Store, Scope]:
    """The store, and what a command's arguments select in it."""
    from jobctl.ops import bulk

    wanted = bulk.read_filter(terms or (), groups or ())
    words = [*(terms or ()), *(f"group:{group}" for group in groups or ())] or ["--all"]
    store = ctx.store()
    return store, bulk.scope(store, ctx.catalog_if_any(), wanted, words)


def take_in(ctx: Context, store: Store, scope: Scope, *, everything: bool = False) -> None:
    """Take in what stock workers left dead; say what is not shown."""
    from jobctl.ops import stock

    limit = None if everything else stock.TAKEN_FOR_A_LOOK
    inbox = stock.take_in(store, scope.queues, write=not ctx.settings.read_only, limit=limit)
    if inbox.left and ctx.settings.read_only:
        ctx.say(f"{inbox.left:,} dead letters lie in stock Dramatiq's inbox; the latest of them are shown too")
    elif inbox.left:
        ctx.say(f"{inbox.left:,} more dead letters lie in stock Dramatiq's inbox; ask again to see more of them")
