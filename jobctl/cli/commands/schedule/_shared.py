"""What `jobctl schedule` commands share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse import complete
from jobctl.cli.view.cell import iso

if TYPE_CHECKING:
    from jobctl.store import Store

NAME_HELP = "A schedule of the catalog."
NO_SCHEDULER = "no scheduler is alive, so no tick is enqueued; start one with `jobctl scheduler`"
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.schedules, show_default=False)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", help=NAME_HELP, autocompletion=complete.schedules, show_default=False),
]
Those = Annotated[
    list[str],
    typer.Argument(metavar="NAME…", help=NAME_HELP, autocompletion=complete.schedules, show_default=False),
]


def name_of(ctx: Context, tick: datetime) -> str | None:
    """What `-o name` calls a tick: a time that `schedule run --at` understands."""
    return iso(tick) if ctx.output is Output.NAME else None


def show_changed(ctx: Context, store: Store, names: Sequence[str]) -> None:
    """The schedules as they are after a change, in the formats for machines."""
    from jobctl.cli.commands.schedule._columns import columns
    from jobctl.ops.schedules import look

    if ctx.output is not Output.TABLE:
        ctx.emit(look.ls(store, ctx.catalog(), names), columns(ctx))
