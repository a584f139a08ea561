"""`jobctl profile ls|use|show`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from jobctl import profiles
from jobctl.cli.context import Context
from jobctl.cli.options import command
from jobctl.cli.output import Column
from jobctl.errors import OperationFailed
from jobctl.urls import redacted


class ProfileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as `ls` and `show` print it. No field ever holds a password."""

    name: str | None
    current: bool
    redis_url: str | None
    namespace: str | None
    catalog: str | None
    read_only: bool
    production: bool
    cluster: bool


COLUMNS = (
    Column("PROFILE", "name", keep=True),
    Column("CURRENT", "current"),
    Column("REDIS", "redis_url"),
    Column("NAMESPACE", "namespace"),
    Column("CATALOG", "catalog"),
    Column("READ-ONLY", "read_only"),
    Column("PRODUCTION", "production"),
)


@command
def ls(ctx: Context) -> None:
    """List the profiles."""
    folder = ctx.settings.config_dir
    current = ctx.settings.profile
    rows = [_row(profile, profile.name == current) for profile in profiles.load(folder).values()]
    ctx.emit(rows, COLUMNS, empty=f"no profiles; write some in {profiles.file_in(folder)}")


@command
def use(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(help="Its name.", show_default=False)] = None,
    none: Annotated[bool, typer.Option("--none", help="Use no profile any more.")] = False,
) -> None:
    """Make a profile the one that later commands work with.

    --profile and JOBCTL_PROFILE still win over it.
    """
    if (name is None) != none:
        raise typer.BadParameter("give a profile's name, or --none")
    folder = ctx.settings.config_dir
    if name is not None:
        profiles.find(folder, name)
    try:
        profiles.use(folder, name)
    except OSError as error:
        raise OperationFailed(f"cannot write in {folder}: {error.strerror}") from error
    ctx.say(f"now using profile {name}" if name else "now using no profile")


@command
def show(
    ctx: Context, name: Annotated[str | None, typer.Argument(help="Its name.", show_default=False)] = None
) -> None:
    """Show the settings that are in force, and a profile's own."""
    settings = ctx.settings
    if name is not None:
        row = _row(profiles.find(settings.config_dir, name), name == settings.profile)
    else:
        row = ProfileRow(
            name=settings.profile,
            current=settings.profile is not None,
            redis_url=redacted(settings.redis_url) if settings.redis_url else None,
            namespace=settings.namespace,
            catalog=str(settings.catalog_path),
            read_only=settings.read_only,
            production=settings.production,
            cluster=settings.cluster,
        )
    ctx.emit(row, (*COLUMNS, Column("CLUSTER", "cluster")))


def _row(profile: profiles.Profile, current: bool) -> ProfileRow:
    return ProfileRow(
        name=profile.name,
        current=current,
        redis_url=redacted(profile.redis_url) if profile.redis_url else None,
        namespace=profile.namespace,
        catalog=profile.catalog,
        read_only=profile.read_only,
        production=profile.production,
        cluster=profile.cluster,
    )
