"""What `jobctl alert` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse import complete
from jobctl.cli.view.lines import moment
from jobctl.cli.view.table import NAME, Column

if TYPE_CHECKING:
    from jobctl.ops.alerts.look import AlertRow

NAME_HELP = "An alert of the catalog."
NO_SCHEDULER = "no scheduler is alive, so nobody looks at alerts; start one with `jobctl scheduler`"
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", help=NAME_HELP, autocompletion=complete.alerts, show_default=False),
]
Those = Annotated[
    list[str],
    typer.Argument(metavar="NAME…", help=NAME_HELP, autocompletion=complete.alerts, show_default=False),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.alerts, show_default=False)
]
_STYLES = {"ok": "green", "pending": "yellow", "firing": "red"}


def columns(ctx: Context) -> tuple[Column, ...]:
    """The columns of a list of alerts."""
    from jobctl.ops.alerts.notices import amount

    def found(row: AlertRow) -> str | None:
        if row.checked_at is None:
            return None
        where = f" in {row.worst}" if row.worst else ""
        return f"{amount(row.value, row.unit)}{where}"

    def muted(row: AlertRow) -> str | None:
        if not row.muted:
            return None
        end = f"muted until {moment(ctx, row.muted_until)}" if row.muted_until else "muted"
        return f"{end} by {row.muted_by}" + (f": {row.mute_reason}" if row.mute_reason else "")

    return (
        Column("ALERT", "name", least=NAME),
        Column("STATE", "state", importance=9, style=lambda state: _STYLES.get(state, "")),
        Column("SINCE", "since", importance=7),
        Column("WHEN", "when", importance=6, least=NAME),
        Column("FILTER", "filter", importance=2, least=NAME),
        Column("FOUND", found, importance=8, least=NAME),
        Column("NOTICE", "notice", importance=4),
        Column("TOLD", "told_at", importance=3),
        Column("MUTED", muted, under=True),
        Column("ERROR", "error", under=True),
    )
