"""`jobctl version`."""

from __future__ import annotations

import msgspec

from jobctl.cli.context import Context, Output
from jobctl.cli.options import command
from jobctl.cli.output import Column


class Version(msgspec.Struct, frozen=True):
    """What runs here."""

    version: str


@command
def version(ctx: Context) -> None:
    """Print the version."""
    from jobctl import __version__

    if ctx.output is Output.TABLE:
        ctx.stdout.write(f"jobctl {__version__}\n")
    else:
        ctx.emit(Version(__version__), (Column("VERSION", "version"),))
