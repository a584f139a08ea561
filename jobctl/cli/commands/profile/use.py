"""`jobctl profile use`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl import profiles
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.errors import OperationFailed


@command
def use(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(help="The profile's name.", show_default=False)] = None,
    none: Annotated[bool, typer.Option("--none", help="Stop using a profile.")] = False,
) -> None:
    """Choose the profile for later commands.

    --profile and JOBCTL_PROFILE take precedence over it.

    Example: jobctl profile use staging
    """
    if (name is None) != none:
        raise typer.BadParameter("pass a profile name, or --none")
    folder = ctx.settings.config_dir
    if name is not None:
        profiles.find(folder, name)
    try:
        profiles.use(folder, name)
    except OSError as error:
        raise OperationFailed(f"cannot write in {folder}: {error.strerror}") from error
    ctx.say(f"now using profile {name}" if name else "now using no profile")
