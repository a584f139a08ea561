"""`jobctl version`."""

from __future__ import annotations

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command


@command
def version(ctx: Context) -> None:
    """Print the version.

    Example: jobctl version
    """
    from jobctl.version import __version__

    if ctx.output is Output.TABLE:
        ctx.stdout.write(f"jobctl {__version__}\n")
    else:
        from jobctl.cli.view.table import Column

        ctx.emit({"version": __version__}, (Column("VERSION", "version"),))
