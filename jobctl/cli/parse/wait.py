"""`--timeout` of the commands that wait only with `--wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.errors import UsageError

Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME",
        help="With --wait: give up after this long, with exit code 6.",
        show_default=False,
    ),
]


def timeout_s(wait: bool, timeout: str | None) -> float | None:
    """How long to wait, in seconds; None for as long as it takes. Raises UsageError."""
    if timeout is None:
        return None
    if not wait:
        raise UsageError("--timeout needs --wait")
    from jobctl.ops.when import parse_delay

    return parse_delay(timeout, "--timeout") / 1000
