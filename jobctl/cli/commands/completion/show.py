"""`jobctl completion show`."""

from __future__ import annotations

from jobctl.cli.commands.completion._shared import ShellArgument, chosen
from jobctl.cli.context import Context
from jobctl.cli.parse import shells
from jobctl.cli.parse.options import command


@command
def show(ctx: Context, shell: ShellArgument = None) -> None:
    """Print the completion script of a shell.

    To load it into the running shell only: source <(jobctl completion show bash)

    Example: jobctl completion show fish
    """
    ctx.stdout.write(shells.script(chosen(shell)))
