"""`jobctl dead retry`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.pacing import Pacing
from jobctl.cli.commands.dead._shared import change_letters
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def retry(ctx: Context, selected: Selected, answers: Answers, pacing: Pacing) -> int:
    """Run dead letters again, under the same ids with fresh retries.

    With --rate, --canary, --abort-if-failing or --background, workers and schedulers carry it on, also without this
    terminal: `jobctl op` shows, pauses, resumes and aborts it.

    Example: jobctl dead retry job:send-email error~timeout since:2h --dry-run
    """
    from jobctl.ops.bulk import letters

    return change_letters(ctx, letters.retry(), selected, answers, pacing)
