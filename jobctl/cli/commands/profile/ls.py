"""`jobctl profile ls`."""

from __future__ import annotations

from jobctl import profiles
from jobctl.cli.commands.profile._shared import COLUMNS, row_of
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def ls(ctx: Context) -> None:
    """List the profiles.

    Example: jobctl profile ls
    """
    folder = ctx.settings.config_dir
    current = ctx.settings.profile
    rows = [row_of(profile, profile.name == current) for profile in profiles.load(folder).values()]
    ctx.emit(rows, COLUMNS, empty=f"no profiles; define them in {profiles.file_in(folder)}")
