"""`jobctl tail`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk.options import Filters
from jobctl.cli.context import Context, Output
from jobctl.cli.explain import Explain, show
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import Column

if TYPE_CHECKING:
    from jobctl.store.data.records import Event

COLUMNS = (Column("ID", "id"), Column("EVENT", "event"), Column("TYPE", "type"), Column("AT", "at"))


@command
def tail(
    ctx: Context,
    filters: Filters = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Show only attempts that failed, died or were lost.")
    ] = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Follow until Ctrl-C.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", min=0, max=10_000, help="Show the last N events.")] = 20,
    explain: Explain = False,
) -> int:
    """Show job events as they happen.

    Ctrl-C ends -f with exit code 130.

    Example: jobctl tail -f --failures queue:email
    """
    from jobctl.ops import tail as ops
    from jobctl.ops.filters.explain import of_events
    from jobctl.ops.filters.filter import parse

    wanted = parse(filters or ())
    wanted.refuse(
        ("state", "group", "args"),
        "tail cannot filter by state:, group: or args.: events do not have them",
        "use queue: job: error~ label: since: until: attempts: took: host: id:",
    )
    if explain:
        return show(ctx, of_events(wanted))
    watch = ops.Watch(wanted, failures)
    store = ctx.store(retries=2)
    past, position = ops.recent(store, watch, count)

    def events() -> Iterator[Event]:
        yield from past
        if follow:
            yield from ops.follow(store, watch, position)

    if ctx.output is Output.TABLE:
        _lines(ctx, events())
    elif follow or ctx.output is not Output.JSON:
        from jobctl.cli.view.output import stream

        stream(ctx, events(), COLUMNS)
    else:
        ctx.emit(past, COLUMNS)
    if not past and not follow:
        ctx.say("no events" if wanted.is_empty and not failures else "no events match")
    return 0


def _lines(ctx: Context, events: Iterator[Event]) -> None:
    from jobctl.cli.view.lines import EventLines

    lines = EventLines(ctx)
    for event in events:
        ctx.stdout.write(f"{lines.line(event)}\n")
        ctx.stdout.flush()
