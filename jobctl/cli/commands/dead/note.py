"""`jobctl dead note`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.bulk.options import InQueue
from jobctl.cli.commands.dead._shared import show_noted
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reason import Reason
from jobctl.errors import UsageError


@command
def note(
    ctx: Context,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="An error group, as `dead groups` names it.")],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What is known of it.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="Who works on it.", show_default=False)
    ] = None,
    link: Annotated[
        str | None, typer.Option("--link", metavar="URL", help="A ticket, a page.", show_default=False)
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete all that is noted, and unmute it.")] = False,
    queue: InQueue = None,
    reason: Reason = "",
) -> int:
    """Note what is known about an error group, for others to see.

    What is not given stays as it is; an empty text deletes it. The note stays when the group is empty.

    Example: jobctl dead note 45d3 'vendor is down until 14:00' --owner ops
    """
    from jobctl.ops import groups

    if text is owner is link is None and not clear:
        raise UsageError("nothing to note", "give a text, --owner, --link or --clear")
    ctx.require_writable("note anything")
    ctx.because(reason)
    return show_noted(
        ctx,
        group,
        queue,
        lambda store, row: groups.note(store, row, text=text, owner=owner, link=link, clear=clear),
    )
