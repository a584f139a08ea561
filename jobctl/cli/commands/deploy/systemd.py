"""`jobctl deploy systemd`."""

from __future__ import annotations

from jobctl.cli.commands.deploy._shared import DEPLOY, Dir, Force, written
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def systemd(ctx: Context, folder: Dir = DEPLOY, force: Force = False) -> None:
    """Write systemd units for this machine's worker and scheduler.

    With this program, this catalog, this user, and the Redis of --redis or the environment, never with a password.
    Existing files are not overwritten without --force.

    Example: jobctl deploy systemd --redis redis://redis.internal:6379/0
    """
    following = f"look through them, then: sudo cp {folder}/jobctl-*.service /etc/systemd/system/"
    written(ctx, "systemd", folder, following, name=None, image=None, force=force)
