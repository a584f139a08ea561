"""`jobctl limit set`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.limit._shared import Name, columns_for
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.until import For, Until, end_of
from jobctl.cli.view.lines import moment
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.catalog.units import Rate

MAX = 1_000_000


@command
def set(  # noqa: A001 - the verb
    ctx: Context,
    name: Name,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="RATE", help="Allow this many starts: 50/m, 5/s.", show_default=False),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, max=MAX, help="Allow N jobs at once.", show_default=False)
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(
            "--burst",
            min=1,
            max=MAX,
            help="With --rate: how many jobs may start at once after an idle time.",
            show_default=False,
        ),
    ] = None,
    duration: For = None,
    until: Until = None,
    reason: Reason = "",
) -> None:
    """Change a limit at once for all workers, permanently or for a time.

    The limit must exist in the catalog. Running jobs continue. `jobctl limit reset NAME` restores the catalog's value.

    Example: jobctl limit set deliver-webhook --rate 50/m --for 1h
    """
    from jobctl.ops import limits

    parsed = _rate(rate, concurrency, burst)
    ctx.require_writable("set limits")
    ctx.because(reason)
    store = ctx.store()
    until_ms = end_of(duration, until, store.processes.now_ms)
    row = limits.change(
        store, ctx.catalog_if_any(), name, rate=parsed, concurrency=concurrency, burst=burst, until_ms=until_ms
    )
    if ctx.output is not Output.TABLE:
        ctx.emit(row, columns_for(ctx))
    end = moment(ctx, row.set_until) if row.set_until else f"`jobctl limit reset {name}`"
    ctx.say(f"{name} allows {limits.allows(row)} until {end}" + (f"; {row.waiting:,} wait" if row.waiting else ""))


def _rate(rate: str | None, concurrency: int | None, burst: int | None) -> Rate | None:
    from jobctl.catalog.units import parse_rate

    if (rate is None) == (concurrency is None):
        raise UsageError("pass exactly one of --rate and --concurrency", "jobctl limit set NAME --rate 50/m")
    if rate is None:
        if burst is not None:
            raise UsageError("--burst needs --rate")
        return None
    try:
        return parse_rate(rate.strip())
    except ValueError as problem:
        raise UsageError(f"--rate: {problem}") from None
