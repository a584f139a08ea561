"""`jobctl index build`."""

from __future__ import annotations

from jobctl.cli.commands.index._shared import COLUMNS, JobTypeName
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason


@command
def build(ctx: Context, name: JobTypeName, reason: Reason = "") -> None:
    """Index the jobs of a type that are there already; its indexes then serve filters.

    Needed once after `index` was added to a job type, and when `doctor` says that an index is not complete. Work goes
    on meanwhile; it can be broken off and run again.

    Example: jobctl index build charge-payment
    """
    from jobctl.ops import indexes

    ctx.require_writable("build indexes")
    ctx.because(reason)
    store, done = ctx.store(retries=2), 0
    for done in indexes.build(store, ctx.catalog(), name):  # noqa: B007 - the last is told
        pass
    store.audit.add("index build", name, done)
    if ctx.output is not Output.TABLE:
        ctx.emit([row for row in indexes.ls(store, ctx.catalog()) if row.type == name], COLUMNS)
    ctx.say(f"indexed {done:,} job{'' if done == 1 else 's'} of {name}")
