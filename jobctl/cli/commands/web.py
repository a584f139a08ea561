"""`jobctl web`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.errors import UsageError

HANGS_S = 3.0
"""A Redis that is silent for so long is away."""


@command
def web(
    ctx: Context,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Listen there.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="0 takes a free one.")] = 8321,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", metavar="FILE", show_default=False,
            help="Tokens: for looking in the first line, for changing in the second (default: new ones, printed once).",
        ),
    ] = None,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let those who have the second token retry, cancel and pause.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", show_default=False,
            help="A name by which browsers may ask, besides ADDRESS; may be repeated.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", metavar="/PATH", help="Where a proxy serves it.", show_default=False)
    ] = "",
) -> None:  # fmt: skip
    """Serve pages with queues, jobs, errors, workers, schedules and limits, for browsers.

    Needs the extra `web`. Only who has a token may look; nobody may change anything without --allow-changes.

    Example: jobctl web --port 8321 --allow-changes
    """
    if ctx.output is not Output.TABLE:
        raise UsageError("web serves pages for people", "programs ask `jobctl metrics` or `jobctl stats -o json`")
    if allow_changes:
        ctx.require_writable("allow changes")
    from jobctl.faces.web import installed

    installed.require()
    from jobctl.faces.change import Changes
    from jobctl.faces.web import serve

    catalog, store = ctx.catalog_for_a_look(), ctx.store(retries=1, timeout_s=HANGS_S)
    place = serve.Place(host, port, tuple(allow_host or ()), root_path)
    changes = Changes(store, catalog, ctx.settings, ctx.require_writable)

    def write(text: str) -> None:
        ctx.stdout.write(text)
        ctx.stdout.flush()

    serve.run(changes, place, token_file, allow_changes=allow_changes, write=write, say=ctx.say)
