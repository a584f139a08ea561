"""What `jobctl deploy` commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.view.table import Column

Dir = Annotated[Path, typer.Option("--dir", metavar="FOLDER", help="Where to write.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="What it is called (default: the namespace).", show_default=False),
]
Image = Annotated[
    str | None,
    typer.Option("--image", metavar="IMAGE", help="The image's name (default: NAME:latest).", show_default=False),
]
COLUMNS = (Column("WROTE", "path"),)
DEPLOY = Path("deploy")


def written(
    ctx: Context, kind: str, folder: Path, following: str, *, name: str | None, image: str | None, force: bool
) -> None:
    """Write the files, list them, and say what comes next and what the catalog needs."""
    from jobctl.ops import deploy

    catalog = ctx.catalog()
    files = deploy.write(kind, catalog, folder, deploy.Wanted(name, image, ctx.settings.redis_url), force=force)
    if ctx.output is Output.NAME:
        ctx.stdout.write("".join(f"{file.path}\n" for file in files))
    else:
        ctx.emit(files, COLUMNS)
    if needed := deploy.external(catalog):
        ctx.say(f"the catalog reads {', '.join(needed)} from the environment")
    ctx.say(f"next: {following}")
