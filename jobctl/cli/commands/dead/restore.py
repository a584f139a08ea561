"""`jobctl dead restore`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def restore(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Restore discarded dead letters and the jobs of emptied queues.

    Discarded dead letters become dead letters again; jobs of an emptied queue wait again, delayed ones until they are
    due. since: and until: mean the time when they were discarded or emptied.

    Example: jobctl dead restore queue:email since:1h
    """
    from jobctl.ops.bulk import letters

    return change(ctx, letters.restore(), selected, answers)
