"""`jobctl deploy k8s`."""

from __future__ import annotations

from jobctl.cli.commands.deploy._shared import DEPLOY, Dir, Force, Image, Name, written
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def k8s(ctx: Context, folder: Dir = DEPLOY, name: Name = None, image: Image = None, force: Force = False) -> None:
    """Write an image recipe and Kubernetes manifests with probes, and a KEDA ScaledObject.

    Redis is expected to be there: its address comes from a secret. Existing files are not overwritten without --force.

    Example: jobctl deploy k8s --image registry.example.com/shop:1.4
    """
    following = f"build and push the image, create the secrets that {folder / 'kubernetes.yaml'} names, and apply it"
    written(ctx, "k8s", folder, following, name=name, image=image, force=force)
