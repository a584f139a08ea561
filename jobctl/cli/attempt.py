"""The attempt that a command of jobctl runs inside of, found in the environment that its worker gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.context import Context
from jobctl.errors import UsageError
from jobctl.settings import RUN_TOKEN

if TYPE_CHECKING:
    from jobctl.ops.say import Speaker


def speaker(ctx: Context) -> Speaker | None:
    """Who speaks for the attempt; None under `jobctl run`, where words go to stderr.

    Raises UsageError outside a job, OperationFailed if another attempt has taken its place.
    """
    job_id, token = ctx.settings.parent_job, ctx.settings.attempt_token
    if job_id is None or token is None:
        raise UsageError(
            "this command works only inside a job", "workers set JOBCTL_JOB_ID and JOBCTL_TOKEN for command jobs"
        )
    if token == RUN_TOKEN:
        return None
    from jobctl.ops.say import Speaker

    return Speaker(ctx.store(retries=2), job_id, ctx.settings.attempt, token)
