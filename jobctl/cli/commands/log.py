"""`jobctl log`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Annotated, BinaryIO

import typer

from jobctl.cli.attempt import speaker
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

CHUNK = 65_536


@command
def log(
    ctx: Context,
    words: Annotated[
        list[str], typer.Argument(metavar="TEXT…", help="The text of the line; - reads lines from stdin.")
    ],
) -> None:
    """Add lines to a job's log from inside a command job.

    The command's stdout and stderr are logged anyway; use this for everything else. Exit 1 if this attempt of the job
    is over, 2 outside a job.

    Example: jobctl log "cache is warm"
    """
    to = speaker(ctx)
    batches = _read(ctx.stdin.buffer) if words == ["-"] else iter([" ".join(words).splitlines() or [""]])
    for lines in batches:
        if to is not None:
            to.log(lines)
        else:
            for line in lines:
                ctx.say(line)


def _read(source: BinaryIO) -> Iterator[list[str]]:
    """The lines of a stream, as many at a time as have come."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    rest = ""
    while chunk := source.read1(CHUNK):  # type: ignore[attr-defined]  # stdin's buffer has it
        *lines, rest = (rest + decode(chunk)).split("\n")
        if len(rest) > CHUNK:
            lines, rest = [*lines, rest], ""
        if lines:
            yield [line.removesuffix("\r") for line in lines]
    if rest := rest + decode(b"", True):
        yield [rest]
