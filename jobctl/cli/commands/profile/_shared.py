"""What `jobctl profile` commands share."""

from __future__ import annotations

import msgspec

from jobctl import profiles
from jobctl.cli.view.table import NAME, Column
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
    require_reason: bool
    cluster: bool


COLUMNS = (
    Column("PROFILE", "name"),
    Column("CURRENT", "current", importance=9),
    Column("REDIS", "redis_url", importance=8, least=NAME),
    Column("NAMESPACE", "namespace", importance=7, least=NAME),
    Column("CATALOG", "catalog", importance=4, least=NAME),
    Column("READ-ONLY", "read_only", importance=6),
    Column("PRODUCTION", "production", importance=6),
)


def row_of(profile: profiles.Profile, current: bool) -> ProfileRow:
    return ProfileRow(
        name=profile.name,
        current=current,
        redis_url=redacted(profile.redis_url) if profile.redis_url else None,
        namespace=profile.namespace,
        catalog=profile.catalog,
        read_only=profile.read_only,
        production=profile.production,
        require_reason=profile.require_reason,
        cluster=profile.cluster,
    )
