"""What `jobctl schedule` commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.parse import complete

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
