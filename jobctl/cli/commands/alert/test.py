"""`jobctl alert test`."""

from __future__ import annotations

from jobctl.cli.commands.alert._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def test(ctx: Context, name: Name) -> None:
    """Send one notice of an alert now, from here, marked as a test; say whether it got through.

    The command, request or job is the catalog's, with this shell's environment. The alert's state does not change.
    Exit code 1 if it does not get through.

    Example: jobctl alert test dead-letters
    """
    from jobctl.ops.alerts.channels import Surroundings
    from jobctl.ops.alerts.look import try_out
    from jobctl.settings import job_environment

    ctx.require_writable("send notices")
    around = Surroundings(job_environment(), ctx.settings.child_environment(ctx.redis_url()))
    said = try_out(ctx.store(), ctx.catalog(), name, around)
    ctx.say(f"sent: {said}")
