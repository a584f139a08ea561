"""Several errors of one command: each its line on stderr, the worst its exit code."""

from __future__ import annotations

from collections.abc import Sequence

from jobctl.cli.context import Context
from jobctl.errors import JobctlError
from jobctl.text import sanitize


def tell(ctx: Context, errors: Sequence[JobctlError]) -> int:
    """Write the errors as `main` would write a single one; returns the highest exit code, 0 without any."""
    for error in errors:
        text = f"{error.message}; {error.hint}" if error.hint else error.message
        ctx.stderr.write(f"jobctl: {sanitize(text, limit=4000)}\n")
    ctx.stderr.flush()
    return max((error.exit_code for error in errors), default=0)
