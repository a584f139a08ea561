"""`jobctl dead retry`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.commands.dead._shared import change_letters
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def retry(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Run dead letters again, under the same ids with fresh retries.

    Example: jobctl dead retry job:send-email error~timeout since:2h --dry-run
    """
    from jobctl.ops.bulk import letters

    return change_letters(ctx, letters.retry(), selected, answers)
