"""`--for` and `--until`: how long something holds that was set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from jobctl.errors import UsageError

For = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="End after this long.", show_default=False)]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="End at this time.", show_default=False)]


def end_of(duration: str | None, until: str | None, now_ms: Callable[[], int]) -> int | None:
    """When it ends (epoch ms, on the clock that `now_ms` reads), None for never. Raises UsageError."""
    from jobctl.ops.when import parse_at, parse_delay

    if duration is not None and until is not None:
        raise UsageError("use --for or --until, not both")
    if duration is not None:
        ms = parse_delay(duration, "--for")
        if ms == 0:
            raise UsageError("--for: expected a duration above zero")
        return now_ms() + ms
    if until is None:
        return None
    until_ms = parse_at(until)
    if until_ms <= now_ms():
        raise UsageError(f"--until {until} is in the past")
    return until_ms
