"""The argument that `jobctl completion` commands share."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from jobctl import settings
from jobctl.cli.parse import shells
from jobctl.errors import UsageError


class Shell(enum.StrEnum):
    """The shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


ShellArgument = Annotated[Shell | None, typer.Argument(help="Default: your login shell.", show_default=False)]


def chosen(shell: Shell | None) -> str:
    name = shell.value if shell else settings.login_shell()
    if name not in shells.NAMES:
        raise UsageError(
            f"no completion for the shell {name!r}" if name else "cannot tell which shell you use",
            f"name one: {', '.join(shells.NAMES)}",
        )
    return name
