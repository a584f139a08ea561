"""`jobctl progress`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.attempt import speaker
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError


@command
def progress(
    ctx: Context,
    done: Annotated[str, typer.Argument(metavar="DONE", help="How much is done, 0 or more.")],
    total: Annotated[
        str | None, typer.Argument(metavar="[TOTAL]", help="The total; 0 if unknown.", show_default=False)
    ] = None,
    message: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="What the job is doing.", show_default=False)
    ] = None,
) -> None:
    """Report a command job's progress from inside the job.

    Exit 1 if this attempt of the job is over, 2 outside a job.

    Example: jobctl progress 3 10 "packing photos"
    """
    amount, whole = _number(done, "DONE"), _number(total or "0", "TOTAL")
    to = speaker(ctx)
    if to is not None:
        to.progress(amount, whole or None, message)
    else:
        from jobctl import text

        ctx.say(text.progress(amount, whole or None, message))


def _number(text: str, name: str) -> float:
    from jobctl.context import count

    try:
        return count(int(text) if text.isdecimal() and len(text) < 20 else float(text))
    except ValueError:
        raise UsageError(f"{name} must be a number, 0 or more, not {text[:60]!r}") from None
