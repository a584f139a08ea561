"""The arguments that say which job is meant: a type and its payload."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobctl.cli.context import Context

Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=TEXT | KEY:=JSON | KEY=@FILE]…", help="The payload.", show_default=False),
]
Payload = Annotated[
    str | None,
    typer.Option(
        "--payload",
        metavar="JSON",
        help="The payload: JSON, @FILE or - for stdin. Arguments override its keys.",
        show_default=False,
    ),
]


def read_payload(ctx: Context, job_type: str, arguments: list[str] | None, payload: str | None) -> dict[str, Any]:
    """The payload as it was typed. Raises UsageError, also for a type that the catalog does not have."""
    from jobctl.catalog import payload as payloads
    from jobctl.ops.payloads import build

    def read_stdin(size: int) -> bytes:
        if ctx.stdin.isatty():
            ctx.say("reading JSON from the terminal; end with Ctrl-D")
        return ctx.stdin.buffer.read(size)

    catalog = ctx.catalog()
    found = payloads.job_type(catalog, job_type)
    return build(found, arguments or [], payload, limit=catalog.max_payload_bytes, read_stdin=read_stdin)
