"""What became of a job that was enqueued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.context import Context, Output

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.newjob import Enqueued


def show(ctx: Context, store: Store, done: Enqueued, *, record: bool = True) -> None:
    """Print the id, or in machine formats the job; say why it is another job's."""
    from jobctl.ops import enqueue as ops

    if words := ops.explain(store, done):
        ctx.say(words)
    if ctx.output in (Output.TABLE, Output.NAME):
        ctx.stdout.write(f"{done.id}\n")
        ctx.stdout.flush()
    elif record:
        ctx.emit(ops.record(ops.job_of(store, done), done), ())
