"""The one rule of lists: a list is complete, or it says on stderr that it stopped, where, and how to continue.

Without --limit a table shows the first rows, every other format all. A list that stopped although nobody asked for that
exits with 1; one that --limit cut exits with 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse import complete
from jobctl.cli.view.table import Column
from jobctl.cli.view.tell import tell
from jobctl.errors import OperationFailed

if TYPE_CHECKING:
    from jobctl.ops.counting import Counted
    from jobctl.ops.filters.filter import Filter
    from jobctl.ops.sources import Looked
    from jobctl.store import Store

ROWS = 50
"""Rows of a table, without --limit."""

Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help="List the first N (default: all; in a table 50, and exit code 1 if there are more).",
        show_default=False,
    ),
]


By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Count instead of listing: by type, queue, state, group, error, host, hour or args.KEY.",
        autocompletion=complete.counted_by,
        show_default=False,
    ),
]


def refuse_untouched(ctx: Context, store: Store) -> None:
    """Raise NothingMatched where nothing is stored under a namespace that was typed: it may not be what was meant. A
    catalog's own may be empty."""
    if ctx.settings.namespace:
        from jobctl.ops.known import refuse_untouched as refuse

        refuse(store)


def check_by(by: str | None) -> None:
    """Raise UsageError for what jobs cannot be counted by."""
    if by is not None:
        from jobctl.ops.counting import check

        check(by)


def write_counts(
    ctx: Context,
    count: Callable[[], Counted],
    limit: int | None,
    *,
    wanted: Filter,
    looked: Looked,
    empty: str,
) -> int:
    """Write counts and return the exit code."""
    from jobctl.text import sanitize

    with _told_when_stopped(ctx, looked):
        counted = count()
    rows = counted.rows
    shown = limit if limit is not None or ctx.output is not Output.TABLE else ROWS
    columns = (
        Column(sanitize(counted.by) if "." in counted.by else counted.by.upper(), "value"),
        Column("COUNT", "count", right=True),
    )
    ctx.emit(rows[:shown], columns, empty=empty)
    code = tell(ctx, wanted.refusals())
    if counted.more:
        told = f"only the first {len(rows):,} different values are counted; {counted.more:,} jobs have others"
        ctx.say(f"{told}: narrow the filter")
        code = code or OperationFailed.exit_code
    if shown is None or len(rows) <= shown:
        return code
    ctx.say(f"stopped after the first {shown:,} of {len(rows):,} values: raise --limit, or use -o jsonl for all")
    return code if limit is not None else code or OperationFailed.exit_code


def write(
    ctx: Context,
    read: Callable[[int | None], Iterable[Any]],
    columns: Sequence[Column],
    limit: int | None,
    *,
    wanted: Filter,
    looked: Looked,
    empty: str,
) -> int:
    """Write a list and return the exit code. `read` gives the first so many records, or with None all as they are
    found; `looked` says how far it has come. `wanted` is the filter that it went by: what hides from it is told."""
    shown = limit if limit is not None or ctx.output is not Output.TABLE else ROWS
    with _told_when_stopped(ctx, looked):
        if shown is None:
            ctx.emit(iter(read(None)), columns)
            return tell(ctx, wanted.refusals())
        rows = list(read(shown + 1))
    ctx.emit(rows[:shown], columns, empty=empty)
    code = tell(ctx, wanted.refusals())
    if len(rows) <= shown:
        return code
    ctx.say(f"stopped after the first {shown:,}; there are more: raise --limit, or use -o jsonl for all")
    return code if limit is not None else code or OperationFailed.exit_code


@contextmanager
def _told_when_stopped(ctx: Context, looked: Looked) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        ctx.say(
            f"stopped at the {looked.place}, after {looked.jobs:,} jobs in all: the list is incomplete; "
            "narrow it with queue:, state: or since:"
        )
        raise
