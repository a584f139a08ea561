"""`jobctl init`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.errors import OperationFailed, Refused


@command
def init(
    ctx: Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where to write (default: here).", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Write a first catalog and its tasks into this folder.

    Example: jobctl init
    """
    base = folder or Path()
    catalog = base / ctx.settings.catalog_path.name
    files = {catalog: _example("jobs.yaml.example"), base / "tasks.py": _example("tasks.py.example")}
    present = [str(path) for path in files if path.exists() or path.is_symlink()]
    if present and not force:
        raise Refused(f"{' and '.join(present)} exist{'s' * (len(present) == 1)}", "pass --force to overwrite")
    for path, text in files.items():
        _write(path, text)
    ctx.say(f"wrote {' and '.join(map(str, files))}; next: jobctl validate, then jobctl up")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise OperationFailed(f"cannot write {path}: {error.strerror}") from error


def _example(name: str) -> str:
    """A shipped example: in the wheel below jobctl/data, in a source checkout also at its root."""
    shipped = resources.files("jobctl") / "data" / name
    if shipped.is_file():
        return shipped.read_text()
    checkout = Path(__file__).resolve().parents[3] / name
    if checkout.is_file():
        return checkout.read_text()
    raise OperationFailed(f"this installation of jobctl has no {name}", "reinstall jobctl")
