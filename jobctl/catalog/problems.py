"""What is wrong with a catalog: every problem with its place, and the error that carries them all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from jobctl.errors import UsageError

Path = tuple[str | int, ...]
"""Where a value sits in the catalog: ("jobs", "send-email", "command", 2)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` and `column` count from 1; `where` is empty for the file as a whole.

    `message` says what was expected and what was found; `hint`, if not empty, what to do.
    """

    file: str
    line: int
    column: int
    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}{hint}"


class CatalogError(UsageError):
    """A catalog that cannot be used. `problems` holds all of them, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{problems[0].file}: {count}", "run `jobctl validate` to see what is wrong")
        self.problems = problems


def dotted(path: Path) -> str:
    """A path as people write it: `jobs.send-email.command[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{printable(part)}"
    return text.removeprefix(".")


def printable(text: str) -> str:
    """Text on one line, with control characters and the like written as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be."""
    names = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name[:200].lower(), names, n=1)
    return names[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, or is empty."""
    match = nearest(name, known)
    return f"did you mean `{match}`?" if match else ""


def one_of(names: Iterable[str]) -> str:
    """Names as a choice: "`a`, `b` or `c`"."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
