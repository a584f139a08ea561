"""What `jobctl schedule` commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse import complete
from jobctl.cli.view.cell import iso

NAME_HELP = "A schedule of the catalog."
NO_SCHEDULER = "no scheduler is alive, so no tick is enqueued; start one with `jobctl scheduler`"
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.schedules, show_default=False)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", help=NAME_HELP, autocompletion=complete.schedules, show_default=False),
]
Reason = Annotated[str, typer.Option("--reason", help="The reason, shown to others.", show_default=False)]


def name_of(ctx: Context, tick: datetime) -> str | None:
    """What `-o name` calls a tick: a time that `schedule run --at` understands."""
    return iso(tick) if ctx.output is Output.NAME else None
