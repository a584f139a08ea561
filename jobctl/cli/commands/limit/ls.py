"""`jobctl limit ls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.limit._shared import NAME_HELP, columns_for
from jobctl.cli.context import Context, Output
from jobctl.cli.parse import complete
from jobctl.cli.parse.options import command
from jobctl.cli.view.pauses import tell_pauses
from jobctl.cli.view.table import NAME, Column, Table, table
from jobctl.cli.view.watch import watch as again

if TYPE_CHECKING:
    from jobctl.store.data.records import LimitKeyRow, LimitRow

_KEYS = (
    Column("LIMIT", lambda pair: pair[0].name),
    Column("KIND", lambda pair: pair[0].kind, importance=4),
    Column("KEY", lambda pair: pair[1].key, importance=9, least=NAME),
    Column("WAITING", lambda pair: pair[1].waiting, right=True, importance=8),
    Column("USED", lambda pair: pair[1].used, right=True, importance=7),
    Column("NEXT", lambda pair: pair[1].next_at, importance=6),
)


@command
def ls(
    ctx: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help=NAME_HELP, autocompletion=complete.limits, show_default=False),
    ] = None,
    keys: Annotated[bool, typer.Option("--keys", help="Also list the ten busiest keys of each limit.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second until Ctrl-C.")] = False,
) -> None:
    """Show each limit: what it allows, how much is used, how many jobs wait.

    KEYS counts the keys that jobs wait for. With NAME or --keys, the usage of each key is listed below the table.

    Example: jobctl limit ls deliver-webhook
    """
    from jobctl.ops import limits

    store, catalog, columns = ctx.store(), ctx.catalog_for_a_look(), columns_for(ctx)

    def picture(rows: Sequence[LimitRow]) -> Table:
        return _picture(ctx, rows, columns, keys=keys or bool(names))

    def read() -> list[LimitRow]:
        return limits.ls(store, catalog, names or ())

    if watch:
        again(ctx, read, columns, lambda rows: picture(rows) if rows else Table("no limits\n"))
    rows = read()
    if ctx.output is Output.TABLE and rows:
        laid = picture(rows)
        ctx.stdout.write(laid.text)
        if laid.note:
            ctx.say(laid.note)
        types = {row.type for row in rows if row.type}
        whole = not names or any(row.type is None for row in rows)
        tell_pauses(ctx, store, catalog, {row.queue for row in rows}, None if whole else types)
    elif ctx.output is Output.NAME:
        ctx.stdout.write(
            "".join(f"{name}\n" for name in dict.fromkeys(row.name for row in rows))
        )  # one name, two kinds
    else:
        ctx.emit(rows, columns, empty="no limits: the catalog has no rate_limit and no concurrency")


def _picture(ctx: Context, rows: Sequence[LimitRow], columns: Sequence[Column], *, keys: bool) -> Table:
    pairs: list[tuple[LimitRow, LimitKeyRow]] = [(row, key) for row in rows for key in row.worst] if keys else []
    laid = table(ctx, rows, columns)
    if not pairs:
        return laid
    below = table(ctx, pairs, _KEYS)
    return Table(f"{laid.text}\n{below.text}", tuple(dict.fromkeys((*laid.hidden, *below.hidden))))
