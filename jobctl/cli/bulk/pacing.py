"""Changes that go on without the terminal: how fast, with how much care, and watching one from here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli.bulk.progress import bar
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import OptionSet
from jobctl.cli.view.cell import short_duration
from jobctl.errors import INTERRUPTED, UsageError

if TYPE_CHECKING:
    from jobctl.ops.bulk.background import Gathered
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb
    from jobctl.store import Store
    from jobctl.store.nouns.operations import OperationRow, Pace

LOOK_S = 1.0
OVER = ("done", "partly", "stopped", "aborted", "paused")


@dataclass(frozen=True, slots=True)
class Pacing(OptionSet):
    """How a change is to go that workers and schedulers carry on."""

    background: Annotated[
        bool, typer.Option("--background", help="Let workers and schedulers do it, and do not wait for it.")
    ] = False
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", metavar="RATE", help="Release so many jobs: 20/s, 100/m. Workers do it.", show_default=False
        ),
    ] = None
    canary: Annotated[
        int,
        typer.Option(
            "--canary", metavar="N", min=0, max=1_000, help="Release N first; go on only if all of them complete."
        ),
    ] = 0
    failing: Annotated[
        str | None,
        typer.Option(
            "--abort-if-failing",
            metavar="PERCENT",
            help="Stop when so many fail again: 30%. Looks after 20 outcomes.",
            show_default=False,
        ),
    ] = None

    def pace(self) -> Pace | None:
        """What was asked for; None for a change that this terminal makes. Raises UsageError."""
        if not (self.background or self.rate or self.canary or self.failing):
            return None
        from jobctl.catalog.units import parse_rate
        from jobctl.store.nouns.operations import Pace

        try:
            rate = parse_rate(self.rate) if self.rate else None
        except ValueError as error:
            raise UsageError(f"--rate: {error}") from None
        return Pace(
            rate=rate.count if rate else None,
            per_ms=rate.per_ms if rate else 0,
            canary=self.canary,
            failing=_percent(self.failing),
        )


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)%?", text)
    if found is None or not 0 < float(found[1]) <= 100:
        raise UsageError(f"--abort-if-failing: expected a share such as 30%, found {text[:50]!r}")
    return float(found[1])


def begin(ctx: Context, store: Store, verb: Verb, planned: Planned, gathered: Gathered, pacing: Pacing) -> int:
    """Begin the change, and follow it unless it is to go on in the background. Returns the exit code."""
    from jobctl.ops.bulk import background

    pace = pacing.pace()
    assert pace is not None
    name = background.start(store, verb, planned, gathered, pace)
    if not store.processes.ls():
        ctx.say("no worker or scheduler is alive: it begins when one is")
    if pacing.background:
        row = store.operations.find(name)
        if ctx.output is Output.NAME:
            ctx.stdout.write(f"{name}\n")
        elif ctx.output is not Output.TABLE:
            ctx.emit(row, ())
        ctx.say(f"operation {name} has begun: {verb.does} {verb.nouns(planned.matched)}; see `jobctl op show {name}`")
        return 0
    return follow(ctx, store, name)


def follow(ctx: Context, store: Store, name: str) -> int:
    """Show how an operation gets on until it is over. Ctrl-C leaves it going. Returns the exit code."""
    ctx.say(f"operation {name}: Ctrl-C leaves it going; `jobctl op pause {name}` and `jobctl op abort {name}` end it")
    try:
        row = _watch(ctx, store, name)
    except KeyboardInterrupt:
        ctx.say(f"operation {name} goes on: `jobctl op show {name}`")
        return INTERRUPTED
    if ctx.output is Output.NAME:
        ctx.stdout.write(f"{name}\n")
    elif ctx.output is not Output.TABLE:
        ctx.emit(row, ())
    ctx.say(sentence(row))
    return 0 if row.state == "done" else 1


def _watch(ctx: Context, store: Store, name: str) -> OperationRow:
    with _bar(ctx, store, name) as show:
        while True:
            row = store.operations.find(name)
            if row is None:
                raise UsageError(f"operation {name} is no longer there")
            show(row.matched - row.left, f"{row.action}  {fared(row)}")
            if row.state in OVER:
                return row
            time.sleep(LOOK_S)


def _bar(ctx: Context, store: Store, name: str) -> Any:
    row = store.operations.find(name)
    nothing: Callable[[int, str], None] = lambda _done, _words: None  # noqa: E731
    if ctx.quiet or row is None or not ctx.stderr.isatty():
        return nullcontext(nothing)
    return bar(ctx, row.action, row.matched)


def sentence(row: OperationRow) -> str:
    """How an operation stands, in words."""
    text = f"operation {row.id} is {row.state}: {row.changed:,} of {row.matched:,} changed"
    if row.skipped:
        text += f", {row.skipped:,} skipped"
    if row.failed:
        text += f", {row.failed:,} could not be changed"
    if row.background and row.changed:
        text += f" ({fared(row)})"
    if row.why:
        text += f"; {row.why}"
    if row.eta_s:
        text += f"; {short_duration(row.eta_s)} to go"
    resumable = row.background and row.state in ("paused", "stopped")
    return text + (f"; go on with `jobctl op resume {row.id}`" if resumable else "")


def fared(row: OperationRow) -> str:
    """The outcomes so far."""
    return f"{row.completed:,} completed, {row.failed_again:,} failed again, {row.open:,} open"
