"""`--unredacted`: payloads as they are, for those who may read Redis anyway. Each use is an audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.errors import RedisUnavailable

if TYPE_CHECKING:
    from jobctl.store import Store

Unredacted = Annotated[
    bool, typer.Option("--unredacted", help="Show secret payload values, to args.KEY= too; recorded in the audit log.")
]


def audit(ctx: Context, store: Store, command: str, words: Sequence[str]) -> None:
    """Write to the audit log that someone looks, unless Redis lets this profile only read."""
    from jobctl.ops.filters.lex import masked

    try:
        store.audit.add(f"{command} --unredacted", masked(words)[:500], 0)
    except RedisUnavailable as error:
        ctx.say(f"this look is not in the audit log: {error.message}")
