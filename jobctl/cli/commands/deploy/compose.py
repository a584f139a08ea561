"""`jobctl deploy compose`."""

from __future__ import annotations

from jobctl.cli.commands.deploy._shared import DEPLOY, Dir, Force, Image, Name, written
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def compose(ctx: Context, folder: Dir = DEPLOY, name: Name = None, image: Image = None, force: Force = False) -> None:
    """Write an image recipe and a compose file: Valkey, workers, schedulers, pages, metrics.

    Two workers, two schedulers, `jobctl web`, Prometheus with rules, and Grafana with a dashboard. The image has the
    catalog's folder in it. Existing files are not overwritten without --force.

    Example: jobctl deploy compose
    """
    following = f"docker compose -f {folder / 'compose.yaml'} up --build -d"
    written(ctx, "compose", folder, following, name=name, image=image, force=force)
