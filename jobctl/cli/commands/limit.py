"""`jobctl limit ls|set|reset`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli import complete
from jobctl.cli.context import Context, Output
from jobctl.cli.lines import moment
from jobctl.cli.options import command
from jobctl.cli.output import Column, table_text
from jobctl.cli.pauses import tell_pauses
from jobctl.cli.until import For, Until, end_of
from jobctl.cli.watch import watch as again
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.catalog.units import Rate
    from jobctl.store.data.records import LimitKeyRow, LimitRow

MAX = 1_000_000
ZERO = {"0": "dim"}


def _allows(row: LimitRow) -> str:
    from jobctl.ops.limits import allows

    return allows(row)


def _columns(ctx: Context) -> tuple[Column, ...]:
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


_KEYS = (
    Column("LIMIT", lambda pair: pair[0].name, keep=True),
    Column("KIND", lambda pair: pair[0].kind),
    Column("KEY", lambda pair: pair[1].key),
    Column("WAITING", lambda pair: pair[1].waiting, right=True),
    Column("USED", lambda pair: pair[1].used, right=True),
    Column("NEXT", lambda pair: pair[1].next_at),
)
NAME_HELP = "A job type, or queue:NAME."
Name = Annotated[
    str, typer.Argument(metavar="NAME", help=NAME_HELP, autocompletion=complete.limits, show_default=False)
]


@command
def ls(
    ctx: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help=NAME_HELP, autocompletion=complete.limits, show_default=False),
    ] = None,
    keys: Annotated[bool, typer.Option("--keys", help="The ten worst keys of each limit, too; so with NAME.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
) -> None:
    """Show the limits: what each allows, how much is used, who waits.

    KEYS is how many keys jobs wait for; what each of these has used is under the table with NAME or --keys.

    Example: jobctl limit ls deliver-webhook
    """
    from jobctl.ops import limits

    store, catalog, columns = ctx.store(), ctx.catalog_if_any(), _columns(ctx)

    def text(rows: Sequence[LimitRow]) -> str:
        return _text(ctx, rows, columns, keys=keys or bool(names))

    def read() -> list[LimitRow]:
        return limits.ls(store, catalog, names or ())

    if watch:
        again(ctx, read, columns, lambda rows: text(rows) or "no limits\n")
    rows = read()
    if ctx.output is Output.TABLE and rows:
        ctx.stdout.write(text(rows))
        types = {row.type for row in rows if row.type}
        whole = not names or any(row.type is None for row in rows)
        tell_pauses(ctx, store, catalog, {row.queue for row in rows}, None if whole else types)
    elif ctx.output is Output.NAME:
        ctx.stdout.write(
            "".join(f"{name}\n" for name in dict.fromkeys(row.name for row in rows))
        )  # one name, two kinds
    else:
        ctx.emit(rows, columns, empty="no limits: the catalog has no rate_limit and no concurrency")


def _text(ctx: Context, rows: Sequence[LimitRow], columns: Sequence[Column], *, keys: bool) -> str:
    pairs: list[tuple[LimitRow, LimitKeyRow]] = [(row, key) for row in rows for key in row.worst] if keys else []
    text = table_text(ctx, rows, columns) if rows else ""
    return f"{text}\n{table_text(ctx, pairs, _KEYS)}" if pairs else text


@command
def set(  # noqa: A001 - the verb
    ctx: Context,
    name: Name,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="RATE", help="So many starts: 50/m, 5/s.", show_default=False)
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, max=MAX, help="So many at once.", show_default=False)
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(
            "--burst", min=1, max=MAX, help="With --rate: how many may start at once after a pause.", show_default=False
        ),
    ] = None,
    duration: For = None,
    until: Until = None,
) -> None:
    """Change what a limit allows, at once and for all workers; with --for or --until, for a time.

    Only a limit that the catalog has can be changed. Jobs that run go on. `jobctl limit reset NAME` brings the
    catalog's back.

    Example: jobctl limit set deliver-webhook --rate 50/m --for 1h
    """
    from jobctl.ops import limits

    parsed = _rate(rate, concurrency, burst)
    ctx.require_writable("set limits")
    store = ctx.store()
    until_ms = end_of(duration, until, store.processes.now_ms)
    row = limits.change(
        store, ctx.catalog_if_any(), name, rate=parsed, concurrency=concurrency, burst=burst, until_ms=until_ms
    )
    if ctx.output is not Output.TABLE:
        ctx.emit(row, _columns(ctx))
    end = moment(ctx, row.set_until) if row.set_until else f"`jobctl limit reset {name}`"
    ctx.say(f"{name} allows {limits.allows(row)} until {end}" + (f"; {row.waiting:,} wait" if row.waiting else ""))


def _rate(rate: str | None, concurrency: int | None, burst: int | None) -> Rate | None:
    from jobctl.catalog.units import parse_rate

    if (rate is None) == (concurrency is None):
        raise UsageError("give either --rate or --concurrency", "jobctl limit set NAME --rate 50/m")
    if rate is None:
        if burst is not None:
            raise UsageError("--burst goes with --rate")
        return None
    try:
        return parse_rate(rate.strip())
    except ValueError as problem:
        raise UsageError(f"--rate: {problem}") from None


@command
def reset(
    ctx: Context,
    name: Name,
    key: Annotated[str | None, typer.Option("--key", help="Only what this key has used.", show_default=False)] = None,
) -> None:
    """Forget what was set by hand for a limit, and what is used of it: the catalog's counts, from zero.

    Jobs that run go on counting against a concurrency.
    """
    from jobctl.ops import limits

    ctx.require_writable("reset limits")
    rows, changed = limits.reset(ctx.store(), ctx.catalog_if_any(), name, key)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, _columns(ctx))
    what = f"key {key} of {name}" if key is not None else name
    if changed:
        ctx.say(f"reset {what}; it allows {' and '.join(map(limits.allows, rows))}")
    else:
        ctx.say(f"nothing to reset: {what} was not set by hand, and nothing is used")
