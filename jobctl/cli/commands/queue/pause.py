"""`jobctl queue pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.queue._pauses import PAUSES, All, Names, Types
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.cli.parse.until import For, Until, end_of
from jobctl.cli.view.lines import moment

if TYPE_CHECKING:
    from jobctl.store.data.records import PauseRow


@command
def pause(
    ctx: Context,
    names: Names = None,
    types: Types = None,
    everything: All = False,
    duration: For = None,
    until: Until = None,
    reason: Reason = "",
    block_producers: Annotated[
        bool, typer.Option("--block-producers", help="Also refuse new jobs: `enqueue` exits with 5.")
    ] = False,
) -> None:
    """Stop starting jobs of a queue, a job type, or everything; running jobs continue.

    A pause survives restarts of workers and Redis; with --for or --until it ends by itself. A new pause replaces an
    earlier one of the same queue, the same job type, or everything.

    Example: jobctl queue pause email --for 10m --reason 'bad deploy'
    """
    from jobctl.ops import pauses

    ctx.require_writable("pause queues")
    ctx.because(reason)
    store = ctx.store()
    until_ms = end_of(duration, until, store.processes.now_ms)
    targets = pauses.scopes(store, ctx.catalog_if_any(), names or (), types or (), everything=everything)
    before = pauses.ls(store)
    rows = pauses.pause(store, targets, until_ms, reason, closed=block_producers)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, PAUSES)
    end = f"until {moment(ctx, rows[0].until)}" if rows[0].until else f"until `{_resume(rows)}`"
    shut = "; new jobs are refused" if block_producers else ""
    ctx.say(f"paused {', '.join(map(pauses.name_of, rows))} {end}; running jobs go on{shut}")
    changed = {(row.queue, row.type) for row in rows if row.changed}
    for row in before:
        if (row.queue, row.type) in changed:
            ctx.say(f"this replaces: {pauses.sentence(row, lambda at: moment(ctx, at))}")


def _resume(rows: list[PauseRow]) -> str:
    from jobctl.ops.pauses import resume_command

    first, *others = [resume_command(row) for row in rows]
    return " ".join([first, *(text.removeprefix("jobctl queue resume ") for text in others)])
