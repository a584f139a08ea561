"""`jobctl dead discard`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.commands.dead._shared import change_letters
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def discard(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Move dead letters to the trash for 7 days.

    Example: jobctl dead discard job:send-email error~timeout since:2h --dry-run
    """
    from jobctl.ops.bulk import letters

    return change_letters(ctx, letters.discard(), selected, answers)
