"""`jobctl completion install`."""

from __future__ import annotations

from jobctl.cli.commands.completion._shared import ShellArgument, chosen
from jobctl.cli.context import Context
from jobctl.cli.parse import shells
from jobctl.cli.parse.options import command
from jobctl.errors import OperationFailed


@command
def install(ctx: Context, shell: ShellArgument = None) -> None:
    """Install completion for your shell.

    Writes one file to the folder where the shell looks for completions; it edits no start-up file.

    Example: jobctl completion install zsh
    """
    name = chosen(shell)
    path = shells.install_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shells.script(name))
    except OSError as error:
        raise OperationFailed(f"cannot write {path}: {error.strerror}", f"jobctl completion show {name}") from error
    ctx.say(f"wrote {path}; {shells.note(name)}")
