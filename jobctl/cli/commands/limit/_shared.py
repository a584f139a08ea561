"""What `jobctl limit` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse import complete
from jobctl.cli.view.lines import moment
from jobctl.cli.view.output import Column

if TYPE_CHECKING:
    from jobctl.store.data.records import LimitRow

ZERO = {"0": "dim"}


def _allows(row: LimitRow) -> str:
    from jobctl.ops.limits import allows

    return allows(row)


def columns_for(ctx: Context) -> tuple[Column, ...]:
    def by_hand(row: LimitRow) -> str | None:
        if row.set_by is None:
            return None
        end = f"until {moment(ctx, row.set_until)}" if row.set_until else "until reset"
        return f"{end} by {row.set_by}" + (f", catalog {row.catalog}" if row.catalog else "")

    return (
        Column("LIMIT", "name", keep=True),
        Column("QUEUE", "queue"),
        Column("KIND", "kind"),
        Column("ALLOWS", _allows, keep=True),
        Column("USED", "used", right=True, styles=ZERO),
        Column("WAITING", "waiting", right=True, styles=ZERO),
        Column("KEYS", "keys", right=True, styles=ZERO),
        Column("NEXT", "next_at"),
        Column("SET BY HAND", by_hand),
    )


NAME_HELP = "A job type, or queue:NAME."
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.limits, show_default=False)
]
