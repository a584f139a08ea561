"""`jobctl completion install|show`."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from jobctl import settings
from jobctl.cli import shells
from jobctl.cli.context import Context
from jobctl.cli.options import command
from jobctl.errors import OperationFailed, UsageError


class Shell(enum.StrEnum):
    """The shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


ShellArgument = Annotated[Shell | None, typer.Argument(help="Default: your login shell.", show_default=False)]


@command
def show(ctx: Context, shell: ShellArgument = None) -> None:
    """Print the completion script of a shell.

    For the running shell only: source <(jobctl completion show bash)
    """
    ctx.stdout.write(shells.script(_chosen(shell)))


@command
def install(ctx: Context, shell: ShellArgument = None) -> None:
    """Install completion for your shell.

    Writes one file where the shell looks for completions by itself; no start-up file is touched.
    """
    name = _chosen(shell)
    path = shells.install_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shells.script(name))
    except OSError as error:
        raise OperationFailed(f"cannot write {path}: {error.strerror}", f"jobctl completion show {name}") from error
    ctx.say(f"wrote {path}; {shells.note(name)}")


def _chosen(shell: Shell | None) -> str:
    name = shell.value if shell else settings.login_shell()
    if name not in shells.NAMES:
        raise UsageError(
            f"no completion for the shell {name!r}" if name else "your shell is not known",
            f"name one: {', '.join(shells.NAMES)}",
        )
    return name
