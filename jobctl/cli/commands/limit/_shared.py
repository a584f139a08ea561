"""What `jobctl limit` commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse import complete
from jobctl.cli.view.lines import moment
from jobctl.cli.view.queues import zero_is_dim
from jobctl.cli.view.table import ABSENT, NAME, Column

if TYPE_CHECKING:
    from jobctl.store.data.records import LimitRow


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
        Column("LIMIT", "name"),
        Column("QUEUE", "queue", importance=3, least=NAME),
        Column("KIND", "kind", importance=5),
        Column("ALLOWS", _allows, importance=9),
        Column("USED", "used", right=True, importance=7, silent=ABSENT, style=zero_is_dim),
        Column("WAITING", "waiting", right=True, importance=8, silent=ABSENT, style=zero_is_dim),
        Column("KEYS", "keys", right=True, importance=4, style=zero_is_dim),
        Column("NEXT", "next_at", importance=6),
        Column("SET BY HAND", by_hand, importance=7, least=16),
    )


NAME_HELP = "A job type, or queue:NAME."
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.limits, show_default=False)
]
