"""`jobctl dead groups`."""

from __future__ import annotations

from jobctl.cli.commands.dead._shared import GroupOption, Terms, open_scope, take_in
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.output import Column, message

GROUPS = (
    Column("GROUP", "group", keep=True),
    Column("COUNT", "count", right=True),
    Column("TYPE", "type"),
    Column("ERROR", "error"),
    Column("MESSAGE", message),
    Column("FIRST", "first_died_at"),
    Column("LAST", "last_died_at"),
    Column("QUEUE", "queue"),
)


@command
def groups(ctx: Context, terms: Terms = None, group: GroupOption = None) -> None:
    """Show why jobs died: dead letters grouped by their error."""
    from jobctl.ops import dead

    store, scope = open_scope(ctx, terms, group)
    take_in(ctx, store, scope)
    rows = dead.groups(store, scope, stock=ctx.settings.read_only)
    ctx.emit(rows, GROUPS, empty="no dead letters" if scope.filter.is_empty else "no dead letter matched")
