"""What is paused, in words for a person, beside a view that it explains."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from jobctl.cli.context import Context
from jobctl.cli.view.lines import moment

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def tell_pauses(
    ctx: Context,
    store: Store,
    catalog: Catalog | None = None,
    queues: Collection[str] | None = None,
    types: Collection[str] | None = None,
) -> None:
    """Say on stderr what is paused: everything there is, or what concerns some queues; of job types only `types`."""
    from jobctl.ops import pauses

    rows = pauses.ls(store)
    if queues is not None:
        shown = {row: None for name in sorted(queues) for row in pauses.of_queue(store, catalog, name, rows)}
        rows = [row for row in rows if row in shown]
    for row in rows:
        if types is not None and row.type is not None and row.type not in types:
            continue
        ctx.say(pauses.sentence(row, lambda at: moment(ctx, at)))
