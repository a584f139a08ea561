"""Where an argument list hands text to something that runs it as code: a shell or another interpreter, behind whatever
wrapper (`env bash -c …`, `timeout 5 sh -c …`). A payload must not become part of such a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from jobctl.catalog.templates import is_template

_SHELLS = (
    "sh",
    "bash",
    "rbash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "mksh",
    "yash",
    "fish",
    "csh",
    "tcsh",
    "xonsh",
    "nu",
    "pwsh",
)
_TAKES_NAME = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")
"""Options of shells whose value is the argument after them."""
_CODE: Mapping[str, str] = {
    **dict.fromkeys(("su", "runuser", "sg", "flock", "script"), r"-[a-zA-Z]*c|--command|--session-command"),
    "env": r"-[a-zA-Z]*S|--split-string",
    "python": r"-[a-zA-Z]*c",
    "pypy": r"-[a-zA-Z]*c",
    "perl": r"-[a-zA-Z]*[eE]",
    "ruby": r"-[a-zA-Z]*e",
    "node": r"-[a-zA-Z]*[ep]|--eval|--print",
    "php": r"-[a-zA-Z]*[rBRE]|--run",
}
"""Programs that run the value of an option as code, and that option."""
_JOINS = frozenset(("ssh", "watch", "parallel"))
"""Programs that give all their arguments to a shell, as one line. Only as the program itself: not in `rsync -e ssh`."""


def code_templates(argv: Sequence[str]) -> list[int]:
    """The indices of templates that would become code, in order."""
    found: set[int] = set()
    for index, argument in enumerate(argv):
        if is_template(argument):
            continue
        name = PurePosixPath(argument).name
        bare = re.sub(r"[-0-9.]+$", "", name)  # python3.11
        if bare in _SHELLS:
            found.update(_of_shell(argv, index))
        elif bare in _CODE:
            found.update(_of_option(_CODE[bare], argv, index + 1))
        elif bare in _JOINS and index == 0:
            found.update(at for at in range(1, len(argv)) if is_template(argv[at]))
    return sorted(found)


def _of_shell(argv: Sequence[str], shell: int) -> Iterator[int]:
    """Templates up to the shell's first operand, if that is its program: the line after `-c`. Where the shell is what
    is run, a template in front of it could turn out to be `-c`, or choose the script."""
    reads_line, is_name = shell == 0, False
    for index in range(shell + 1, len(argv)):
        argument = argv[index]
        if is_template(argument):
            if reads_line:
                yield index
            if not argument.startswith(("-", "+")):
                return
        elif is_name:
            is_name = False
        elif argument in _TAKES_NAME:
            is_name = True
        elif re.fullmatch(r"[-+][a-zA-Z]*c[a-zA-Z]*|--command", argument):
            reads_line = True
        elif not argument.startswith(("-", "+")):
            return


def _of_option(option: str, argv: Sequence[str], start: int) -> Iterator[int]:
    for index in range(start, len(argv)):
        joined = re.match(rf"(?:{option})=?(?=.*\{{[{{%])", argv[index], re.DOTALL)
        if joined and is_template(argv[index]):
            yield index
        elif re.fullmatch(option, argv[index]) and index + 1 < len(argv) and is_template(argv[index + 1]):
            yield index + 1
