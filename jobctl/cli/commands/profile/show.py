"""`jobctl profile show`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl import profiles
from jobctl.cli.commands.profile._shared import COLUMNS, ProfileRow, row_of
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import Column
from jobctl.errors import RedisUnavailable
from jobctl.settings import Settings
from jobctl.urls import redacted


def _address(settings: Settings) -> str | None:
    """The configured Redis, or this project's embedded server while it runs."""
    from jobctl.ops.connect import redis_url

    try:
        return redacted(redis_url(settings))
    except RedisUnavailable:
        return None


@command
def show(
    ctx: Context, name: Annotated[str | None, typer.Argument(help="The profile's name.", show_default=False)] = None
) -> None:
    """Show the settings in effect, or a profile's own.

    Example: jobctl profile show staging
    """
    settings = ctx.settings
    if name is not None:
        row = row_of(profiles.find(settings.config_dir, name), name == settings.profile)
    else:
        row = ProfileRow(
            name=settings.profile,
            current=settings.profile is not None,
            redis_url=_address(settings),
            namespace=settings.namespace,
            catalog=str(settings.catalog_path),
            read_only=settings.read_only,
            production=settings.production,
            require_reason=settings.require_reason,
            cluster=settings.cluster,
        )
    ctx.emit(row, (*COLUMNS, Column("NEEDS REASON", "require_reason"), Column("CLUSTER", "cluster")))
